import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { ChatEvent } from '@semibot/chat-protocol'
import { createFrameReader } from './frames.ts'
import { readStream, type StreamEnd } from './http.ts'
import { Told } from './told.ts'
import { ask, type Chat, other, PATIENCE_MS, RETRY_MS, type World } from './world.ts'

/** The face says something every 15 s; a process may be paused for a while before that. */
const SILENT_MS = 30_000

/** Reads one connection. `leave` says after which event the reader goes away. */
async function readEvents(
  response: IncomingMessage,
  told: Told,
  limitMs: number,
  leave: (event: ChatEvent) => boolean
): Promise<StreamEnd> {
  const read = createFrameReader()
  return await readStream(response, { silentMs: SILENT_MS, limitMs }, (piece) => {
    for (const { id, event } of read(piece)) {
      told.take(event, id)
      if (leave(event)) return false
    }
    return true
  })
}

export interface FollowOptions {
  chat: Chat
  /** The stream that the chat was answered with, if there is one; else it is asked for. */
  first?: IncomingMessage
  /** The api that gave it. */
  api: number
  /** What has been told so far; default: nothing. */
  told?: Told
  /** The reader goes away after this event, and comes back, at the other api, when `pauseMs` are over; never: undefined. */
  leave?: { after: (event: ChatEvent) => boolean; pauseMs: number | undefined }
}

/**
 * Follows a chat to its end, whatever becomes of the connections on the way: after each cut it goes on behind the last
 * event that it has, at the other api.
 */
export async function follow(world: World, options: FollowOptions): Promise<Told> {
  const { report } = world
  const { chat, leave } = options
  const told = options.told ?? new Told()
  if (options.told === undefined) chat.told.push(told)
  const startedAt = performance.now()
  const until = startedAt + PATIENCE_MS
  const who = () => `${chat.kind} ${[...chat.executionIds][0]} after event ${told.lastSeq}`
  let { api, first: response } = options
  let mayLeave = leave !== undefined
  while (told.end === undefined) {
    if (performance.now() > until) {
      report.checked('ends')
      report.violated('ends', `${who()}: no end within ${PATIENCE_MS / 1000} s`)
      return told
    }
    const isAnswer = response !== undefined
    response ??= await resume(world, chat, told, api)
    if (response === undefined) {
      if (chat.isDeleted === true) return told
      api = other(api)
      await delay(RETRY_MS)
      continue
    }
    told.connect(isAnswer)
    const end = await readEvents(
      response,
      told,
      Math.max(0, until - performance.now()),
      (event) => mayLeave && leave?.after(event) === true
    )
    response = undefined
    report.checked('ends')
    if (end === 'ended' && told.end === undefined)
      report.violated('ends', `${who()} at api-${api}: ended without a terminal event`)
    if (end === 'silent') report.violated('ends', `${who()} at api-${api}: nothing for ${SILENT_MS / 1000} s`)
    // The bound is over, as the loop will see.
    if (told.end !== undefined || end === 'endless') continue
    report.count(end === 'left' ? 'client left' : 'stream cut')
    api = other(api)
    if (end !== 'left') continue
    if (leave?.pauseMs === undefined) return told
    mayLeave = false
    await delay(leave.pauseMs)
  }
  report.took(performance.now() - startedAt)
  judgeTold(world, chat, told)
  return told
}

async function resume(world: World, chat: Chat, told: Told, api: number): Promise<IncomingMessage | undefined> {
  const [executionId] = chat.executionIds
  if (executionId === undefined) throw new Error('a chat that no answer has named cannot be resumed')
  const headers = { 'last-event-id': String(told.lastSeq) }
  const answer = await ask(world, api, chat.mode, `/chat/executions/${executionId}/events`, {
    headers,
    mayBeGone: chat.isDeleted === true
  })
  if ('response' in answer) {
    world.report.count('resumed')
    return answer.response
  }
  if ('failure' in answer && answer.failure.code === 'NOT_FOUND' && chat.isDeleted !== true) {
    world.report.violated('kept', `${chat.kind} ${executionId} is not found at api-${api}`)
  }
  return undefined
}

/** What a reader was told must be right by itself, and no other than what another reader was told. */
function judgeTold({ report }: World, chat: Chat, told: Told): void {
  const name = `${chat.kind} ${[...chat.executionIds][0]}`
  for (const invariant of ['ids', 'terminal', 'text'] as const) report.checked(invariant)
  for (const { rule, detail } of told.problems) report.violated(rule, `${name}: ${detail}`)
  if (told.wasCorrected) report.count('told whole at the end only')
  for (const fallback of told.fallbacks) report.count(`fallback: ${fallback}`)
  const { end } = told
  if (end?.type === 'execution.failed') report.count(`told: failed ${end.error.code}`)
  else if (end !== undefined) report.count(`told: ${end.type.slice('execution.'.length)}`)
}
