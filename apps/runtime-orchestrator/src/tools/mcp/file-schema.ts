import { TOOL_EFFECTS } from '@semibot/chat-protocol'
import { z } from 'zod'
import { MCP_LIMITS } from '../../constants/mcp.ts'

const { servers, timeoutMs, outputBytes } = MCP_LIMITS

/** What a setting must look like, to follow the word "expected". */
const text = (expected: string, pattern = /^\P{Cc}+$/u, maxLength = 4_096) =>
  z.string({ error: expected }).max(maxLength, { error: expected }).regex(pattern, { error: expected })

const integer = (min: number, max: number) => {
  const expected = `a whole number from ${min} to ${max}`
  return z.int({ error: expected }).min(min, { error: expected }).max(max, { error: expected })
}

const list = <T extends z.ZodType>(item: T, max: number, items: string) =>
  z
    .array(item, { error: `a list of ${items}` })
    .min(1, { error: `a list of at least one of ${items}; leave it out for all` })
    .max(max, { error: `a list of at most ${max} ${items}` })

const record = <T extends z.ZodType>(value: T, expected: string, key = /^\P{Cc}{1,128}$/u) =>
  z.record(z.string().regex(key, { error: expected }), value, { error: expected })

const effect = z.enum(TOOL_EFFECTS, { error: `one of ${TOOL_EFFECTS.join(', ')}` })
const toolName = text("a name of one of the server's tools", /^\P{Cc}+$/u, 128)
const line = text('text of one line')
const ORG = 'an organisation id (a UUID; npx semibot orgs list shows them)'
const HEADERS = 'an object of HTTP headers: {"name": "value"}'

/** Headers that the protocol or HTTP itself sets. */
const RESERVED =
  /^(?!(?:accept|connection|content-length|content-type|host|mcp-.*|transfer-encoding)$)[!#$%&'*+.^`|~\w-]+$/i

const policy = {
  disabled: z.boolean({ error: 'true or false' }).optional(),
  effect: effect.optional(),
  effects: record(effect, 'an object of effects by tool: {"name of a tool": "none"}').optional(),
  allowedTools: list(toolName, MCP_LIMITS.tools, 'names of tools').optional(),
  orgs: list(z.uuid({ error: ORG }), 10_000, 'organisation ids').optional(),
  timeoutMs: integer(timeoutMs.min, timeoutMs.max).optional(),
  maxOutputBytes: integer(outputBytes.min, outputBytes.max).optional()
}

/** A server that this process starts. */
export const stdioEntrySchema = z.strictObject({
  type: z.literal('stdio', { error: 'stdio, since there is a command' }).optional(),
  command: text('a program, such as npx, or the path of one'),
  args: z
    .array(text('text without control characters', /^[^\0]*$/u, 32_768), { error: 'a list of texts' })
    .max(1_000)
    .optional(),
  env: record(
    text('text', /^[^\0]*$/u, 32_768),
    'an object of environment variables: {"NAME": "value"}',
    /^[A-Za-z_][A-Za-z0-9_]*$/
  ).optional(),
  cwd: text('the path of a folder').optional(),
  ...policy
})

/** A server that somebody else runs. */
export const httpEntrySchema = z.strictObject({
  type: z
    .enum(['http', 'streamable-http', 'streamableHttp'], {
      error: 'http, since there is a url; the older SSE transport is not supported'
    })
    .optional(),
  url: line,
  headers: record(
    text('a header value: visible ASCII characters and spaces', /^[\x20-\x7e]*$/, 16_384),
    `${HEADERS}, none of those that the protocol sets itself`,
    RESERVED
  ).optional(),
  ...policy
})

/** Only what stands around the servers; each of them is read by itself, for messages that say what is meant. */
export const serversFileSchema = z.strictObject(
  {
    $schema: z.string().optional(),
    mcpServers: z
      .record(z.string(), z.unknown(), { error: 'an object of servers by name: {"mcpServers": {"name": {...}}}' })
      .refine((all) => Object.keys(all).length <= servers, { error: `at most ${servers} servers` })
  },
  { error: 'an object: {"mcpServers": {"name": {...}}}' }
)

/**
 * A server's name: it becomes the beginning of tool names, which model servers accept with these characters only. An
 * underscore stands alone inside, so that `__` always is where the name ends.
 */
export const SERVER_NAME = /^(?=.{1,32}$)[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*$/

export type StdioEntry = z.infer<typeof stdioEntrySchema>
export type HttpEntry = z.infer<typeof httpEntrySchema>
