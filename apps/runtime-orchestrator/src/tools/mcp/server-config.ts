import type { ToolEffect } from '@semibot/chat-protocol'

/** How to reach a server that runs as a child of this process and speaks on its standard input and output. */
export interface StdioEndpoint {
  readonly kind: 'stdio'
  /** A program of PATH, or an absolute path. */
  readonly command: string
  readonly args: readonly string[]
  /** All variables of the child: it inherits none but these. */
  readonly env: Readonly<Record<string, string>>
  /** Absolute path. */
  readonly cwd: string
}

/** How to reach a server that speaks streamable HTTP. */
export interface HttpEndpoint {
  readonly kind: 'http'
  readonly url: URL
  /** Sent with every request; usually holds a secret. */
  readonly headers: Readonly<Record<string, string>>
}

/** One MCP server of the operator's file, checked, with its secrets filled in. */
export interface McpServerConfig {
  /** Unique; stands before the names of its tools, and as `server` in metrics, logs and /ready. */
  readonly name: string
  readonly endpoint: StdioEndpoint | HttpEndpoint
  /** What a call to a tool may do, unless `effects` says otherwise. The operator's word; the server's own is not asked. */
  readonly effect: ToolEffect
  /** By the server's name of the tool. */
  readonly effects: ReadonlyMap<string, ToolEffect>
  /** The server's names of the tools that agents may use; undefined: all. */
  readonly allowedTools: ReadonlySet<string> | undefined
  /** Ids of the organisations that may use it; undefined: all. */
  readonly orgs: ReadonlySet<string> | undefined
  /** Longest call, milliseconds. */
  readonly timeoutMs: number
  /** Longer output of a tool is cut. */
  readonly maxOutputBytes: number
  /** Values that may show nowhere: whatever this server says is searched for them. */
  readonly secrets: readonly string[]
}
