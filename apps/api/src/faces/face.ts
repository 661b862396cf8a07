import type { ChatEvent } from '@semibot/chat-protocol'

/** What a finished chat is called in the frames of a face. */
export interface FaceContext {
  sessionId: string
  executionId: string
  requestId: string
}

/**
 * One outward protocol: turns chat events into frames of text. The failover planner reads only
 * `canRetract`, so a new face never touches it.
 */
export interface Face {
  readonly name: string
  /** Text that was sent can be taken back. */
  readonly canRetract: boolean
  /** A client can come back and read on. */
  readonly canResume: boolean
  /** What a closed connection means when the client does not say. */
  readonly onDisconnect: 'detach' | 'cancel'
  readonly heartbeatMs: number
  readonly heartbeatFrame: string
  /** Sent first, before any event. */
  readonly opening: string
  /** One encoder for each stream: it may keep what it needs to know from event to event. */
  encoder(context: FaceContext): (event: ChatEvent) => string
}
