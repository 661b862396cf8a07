/** Bounds of what MCP servers may do to this process. */
export const MCP_LIMITS = {
  /** In the operator's file. */
  servers: 32,
  fileBytes: 1024 * 1024,
  /** Settings of a call, with what holds when the file says nothing. */
  timeoutMs: { min: 100, default: 30_000, max: 600_000 },
  outputBytes: { min: 256, default: 65_536, max: 128 * 1024 },

  /** Tools of one server that agents may be given. */
  tools: 128,
  /** What is read of a server's list, whatever its length. */
  listedTools: 1_000,
  listPages: 20,
  /** Of one tool's description, in UTF-16 units, and of its input schema, as JSON. */
  descriptionLength: 4_096,
  schemaBytes: 32 * 1024,
  schemaDepth: 32,
  /** Of all its tools' schemas and descriptions together: they are a part of every model call. */
  toolsBytes: 256 * 1024,

  /** One message of a server; a longer one is thrown away. */
  messageBytes: 4 * 1024 * 1024,
  /** Nesting of a message. */
  messageDepth: 256,
  /** What one server may send in any window; more is a flood, and ends the connection. */
  flood: { windowMs: 10_000, messages: 5_000, bytes: 64 * 1024 * 1024 },
  /** What waits for a child that does not read its input; with more its connection ends. */
  unreadBytes: 16 * 1024 * 1024,
  /** Answers and notifications to one server that are under way over HTTP; more are not sent. */
  concurrentReplies: 16,
  /**
   * Lines of a server's standard error that are logged in any window, and their length. Whoever writes more bytes than
   * these is not read until the window is over.
   */
  stderr: { windowMs: 10_000, lines: 20, lineLength: 500, bytes: 16 * 1024 * 1024 },
  /** Calls to one server that are under way at once; another is refused. */
  concurrentCalls: 64
} as const

export const MCP_TIMES = {
  /** Until a server has introduced itself and listed its tools. Long: `npx` may have to download it first. */
  connectMs: { stdio: 60_000, http: 10_000 },
  /** How long a server may take to say whether it speaks the newest revision of the protocol. */
  askMs: 5_000,
  /** How long the first executions after the start wait for servers that are still connecting. */
  firstConnectMs: 5_000,
  /** How long a call waits for a server that is being restarted. */
  reconnectWaitMs: 5_000,
  /** How often a server is asked for its tools, which also shows whether it still answers, and for how long. */
  refreshMs: 60_000,
  refreshTimeoutMs: 10_000,
  /** Notifications that the tools changed are gathered this long. */
  changedMs: 1_000,
  /** They do not have the server asked more often than this. */
  changedPauseMs: 5_000,
  /** Wait before a restart: random up to this, doubled each time. */
  backoff: { firstMs: 500, maxMs: 60_000 },
  /** A connection that held this long starts again with the first wait. */
  stableMs: 60_000,
  /** An answer to a server, or a notification, may take this long over HTTP. */
  replyMs: 10_000,
  /** A stream that broke off is opened again after this at the earliest. */
  streamRetryMs: 1_000,
  /** At the end a child has this long after its input ended, and then after SIGTERM. */
  closeMs: { stdin: 1_500, term: 1_000 },
  /** What a child wrote before it ended may take this long to arrive. */
  lastOutputMs: 500,
  /** Seconds in which the children of a runtime that was killed are gone. */
  orphanSeconds: 2
} as const
