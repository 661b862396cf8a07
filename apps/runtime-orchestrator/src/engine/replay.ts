import type { ChatEventBody } from '@semibot/chat-protocol'

/**
 * What of the events so far, or of those that were repeated from the journal, is still worth telling: every tool call,
 * which the reader knows by its id, the last state of the plan and of the usage. The text goes as one piece, beside
 * them.
 */
export function condenseReplay<Event extends ChatEventBody>(events: readonly Event[]): Event[] {
  const lastPlan = events.findLastIndex(({ type }) => type === 'plan.updated')
  const lastUsage = events.findLastIndex(({ type }) => type === 'usage.updated')
  return events.filter((event, index) => {
    switch (event.type) {
      case 'tool.started':
      case 'tool.finished':
        return true
      case 'plan.updated':
        return index === lastPlan
      case 'step.updated':
        return index > lastPlan
      case 'usage.updated':
        return index === lastUsage
      default:
        return false
    }
  })
}
