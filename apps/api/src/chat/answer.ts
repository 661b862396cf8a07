import type { ChatEventBody } from '@semibot/chat-protocol'

/**
 * What has become of one answer so far, over all of its attempts: the text a client has, and the tools
 * whose outcome is open. It sees each event before the event goes out.
 */
export class Answer {
  text = ''
  /** performance.now() of the first text. */
  firstTextAt: number | undefined
  #startedMessages = new Set<string>()
  /** Tools that were started and have not finished: id -> whether they change something outside. */
  #openTools = new Map<string, { name: string; unsafe: boolean }>()
  /** Calls that were told of: an instance that goes on with the run tells of them once more. */
  #startedTools = new Set<string>()
  #finishedTools = new Set<string>()

  get textVisible(): boolean {
    return this.text !== ''
  }

  get openToolCallIds(): string[] {
    return [...this.#openTools.keys()]
  }

  /** Tools with effects whose outcome nobody knows. They must never be run again. */
  get openUnsafeTools(): { toolCallId: string; name: string }[] {
    return [...this.#openTools].flatMap(([toolCallId, tool]) => (tool.unsafe ? [{ toolCallId, name: tool.name }] : []))
  }

  /** Takes note of the event; false when the client must not see it (an empty delta, a second start, a tool call told twice). */
  take(event: ChatEventBody): boolean {
    switch (event.type) {
      case 'message.started': {
        if (this.#startedMessages.has(event.messageId)) return false
        this.#startedMessages.add(event.messageId)
        return true
      }
      case 'message.delta':
        if (event.delta === '') return false
        this.firstTextAt ??= performance.now()
        this.text += event.delta
        return true
      case 'message.completed':
        this.text = event.content
        return true
      case 'tool.started':
        if (this.#startedTools.has(event.toolCallId)) return false
        this.#startedTools.add(event.toolCallId)
        this.#openTools.set(event.toolCallId, { name: event.name, unsafe: event.effect === 'unsafe' })
        return true
      case 'tool.finished':
        if (this.#finishedTools.has(event.toolCallId)) return false
        this.#finishedTools.add(event.toolCallId)
        this.#openTools.delete(event.toolCallId)
        return true
      default:
        return true
    }
  }

  /** The text so far is taken back; the next attempt starts from nothing. */
  retract(): void {
    this.text = ''
    this.#startedMessages.clear()
  }
}
