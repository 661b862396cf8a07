/** What the load process is asked to do; it comes as JSON in the environment variable LOAD. */
export interface ChatLoad {
  /** Base URLs of the apis, used in turn. */
  apis: readonly string[]
  apiKey: string
  /** Chats per second, evenly spread. */
  rate: number
  chats: number
  /** The rate grows from nothing over this time. */
  rampMs: number
  /** Sent in turn: one message, and the text that its answer must have. */
  messages: readonly LoadMessage[]
  /** Longest wait for one answer. */
  timeoutMs: number
}

export interface LoadMessage {
  content: string
  answer: string
  /** The model marks its words (see the simulator's README); the answer without the marks must be `answer`. */
  varies: boolean
  /** Another text that is as good: the fake runtime's own. */
  alternative?: string
}

/** How one chat came out. Times are milliseconds since 1970, with fractions. */
export interface ChatRecord {
  sentAt: number
  /** The api said which mode answers; 0 when it never did. */
  startedAt: number
  endedAt: number
  /** Mode at the start. */
  mode: 'runtime_orchestrator' | 'direct_llm' | ''
  /** It went on in another mode while the client watched. */
  fellBack: boolean
  /** The text that the client had was taken back. */
  retracted: boolean
  /** Longest time in which the client saw nothing new: from the request on, to the end. */
  pauseMs: number
  pausedAt: number
  /** Model calls that wrote the text; 0 when it carries no marks. */
  writers: number
  /** Empty when the whole answer came, as it should be. */
  problem: string
}
