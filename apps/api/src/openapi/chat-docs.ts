/** What /openapi.json says of the chat routes; their bodies come from the schemas themselves. */
export const CHAT_DOCS = {
  chat: {
    tags: ['chat'],
    summary: 'Send a message and get the answer',
    description:
      'Answers with server-sent chat events, or with one JSON body when `stream` is false. An `Idempotency-Key` makes it safe to send again: the same key and body get the same execution.'
  },
  start: {
    tags: ['chat (Agent2UI)'],
    summary: 'Begin a session; answers with Agent2UI frames'
  },
  continue: {
    tags: ['chat (Agent2UI)'],
    summary: 'Continue a session; answers with Agent2UI frames'
  },
  execution: { tags: ['chat'], summary: 'State of one execution' },
  events: {
    tags: ['chat'],
    summary: 'Events of one execution, from the start or from `Last-Event-ID`',
    description:
      'Goes on until the terminal event. 410 EVENTS_EXPIRED while the execution runs and the events asked for are kept no longer.'
  },
  cancel: { tags: ['chat'], summary: 'Cancel an execution; does nothing when it has ended' }
} as const
