import type { ChatEvent } from '@semibot/chat-protocol'
import type { RunningStack } from './find-running-stack.ts'
import type { Stage } from './screen.ts'

/** Pieces of text before the runtime is killed. */
const KILL_AFTER = 25

/** Shows one chat and kills the runtime in the middle of it. */
export class WatchedChat {
  onKilled = () => {}
  killedPids: number[] = []
  killedAt = 0
  pauseMs = 0
  retracted = false
  answer = ''
  ended: ChatEvent | undefined
  readonly #stack: RunningStack
  readonly #stage: Stage
  #pieces = 0
  #lastTextAt = 0

  constructor(stack: RunningStack, stage: Stage) {
    this.#stack = stack
    this.#stage = stage
  }

  take(event: ChatEvent): void {
    switch (event.type) {
      case 'execution.started':
        this.#stage.mark(`answered by ${event.mode}`)
        break
      case 'execution.fallback':
        this.#fallback(event.reasonCode, event.to, event.discardedMessageIds.length > 0)
        break
      case 'message.delta':
        this.#text(event.delta)
        break
      case 'execution.completed':
      case 'execution.failed':
      case 'execution.cancelled':
        this.ended = event
    }
  }

  #text(piece: string): void {
    const now = performance.now()
    if (this.killedAt > 0) this.pauseMs = Math.max(this.pauseMs, Math.round(now - this.#lastTextAt))
    this.#lastTextAt = now
    this.answer += piece
    this.#stage.text(piece)
    if (++this.#pieces === KILL_AFTER) this.#kill()
  }

  #kill(): void {
    const victims = this.#stack.runtimes()
    this.killedPids = victims.map(({ pid }) => pid)
    this.killedAt = Date.now()
    for (const pid of this.killedPids) process.kill(pid, 'SIGKILL')
    this.#stage.mark(`kill -9 ${this.killedPids.join(' ')}: the runtime is dead`)
    this.onKilled()
  }

  #fallback(code: string, to: string, retracted: boolean): void {
    this.retracted = retracted
    if (retracted) this.answer = ''
    const text = retracted ? 'the text so far is taken back, a whole answer follows' : 'the text goes on'
    this.#stage.mark(`execution.fallback (${code}): ${to} takes over in the same response; ${text}`)
  }
}
