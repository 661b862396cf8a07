import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { ConfigError, type ConfigProblem } from '@semibot/config'
import type { z } from 'zod'
import { MCP_LIMITS } from '../../constants/mcp.ts'
import type { Variables } from './expand-variables.ts'
import { httpEntrySchema, SERVER_NAME, serversFileSchema, stdioEntrySchema } from './file-schema.ts'
import { resolveServer } from './resolve-server.ts'
import type { McpServerConfig } from './server-config.ts'
import { isRecord, ProblemList } from './server-problems.ts'

export interface ServersFile {
  /** Relative to the working directory. */
  path: string
  /** For `${NAME}` in the file. */
  variables: Variables
  /** Of a child's environment, before what the file says of it. */
  inherited: Readonly<Record<string, string>>
}

/**
 * The MCP servers that the operator's file lists, without those that are disabled. A relative `cwd`, and a command
 * that begins with a dot, start from the folder of the file.
 * @throws ConfigError that names every bad setting: which, what it is, and what was expected; never a secret
 */
export function readServersFile({ path, variables, inherited }: ServersFile): McpServerConfig[] {
  const file = resolve(path)
  const problems = new ProblemList(file)
  const parsed = parse(file)
  const top = serversFileSchema.safeParse(parsed)
  if (!top.success) {
    problems.addIssues([], parsed, top.error)
    throw problems.toError()
  }
  const servers: McpServerConfig[] = []
  for (const [name, entry] of Object.entries(top.data.mcpServers)) {
    const at = ['mcpServers', name]
    if (!SERVER_NAME.test(name)) {
      const expected = 'a name of 1 to 32 letters, digits, - and single _, such as github or my-files'
      problems.add(at, name, expected)
      continue
    }
    const schema = schemaOf(entry)
    if (schema === undefined) {
      problems.add(at, isRecord(entry) ? Object.keys(entry) : entry, 'an object with either a command or a url')
      continue
    }
    const read: z.ZodSafeParseResult<z.infer<typeof schema>> = schema.safeParse(entry)
    if (!read.success) problems.addIssues(at, entry, read.error, Object.keys(schema.shape))
    else if (!read.data.disabled) {
      const server = resolveServer({ name, entry: read.data, folder: dirname(file), variables, inherited }, problems)
      if (server !== undefined) servers.push(server)
    }
  }
  if (problems.found) throw problems.toError()
  return servers
}

function schemaOf(entry: unknown): typeof stdioEntrySchema | typeof httpEntrySchema | undefined {
  if (!isRecord(entry) || 'command' in entry === 'url' in entry) return undefined
  return 'command' in entry ? stdioEntrySchema : httpEntrySchema
}

function parse(file: string): unknown {
  const bad = (expected: string) => new ConfigError([problemOfFile(file, expected)])
  let text: string
  try {
    const stats = statSync(file)
    if (!stats.isFile()) throw bad('a file')
    if (stats.size > MCP_LIMITS.fileBytes) throw bad(`a file of at most ${MCP_LIMITS.fileBytes} bytes`)
    text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw bad(`a file that can be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw bad(`valid JSON${placeOf(error, text)}`)
  }
}

/** The engine's own message quotes the text, which may hold a secret: only the place is told. */
function placeOf(error: unknown, text: string): string {
  if (text.trim() === '') return ' (it is empty)'
  const position = /at position (\d+)/.exec((error as Error).message)?.[1]
  const offset = position === undefined ? findBadToken(text) : Number(position)
  if (offset >= text.trimEnd().length) return ' (it ends too early)'
  const before = text.slice(0, offset).split('\n')
  return ` (look at line ${before.length}, column ${before.at(-1)!.length + 1})`
}

/** Where the text stops being the beginning of JSON, for messages of the engine that do not say it. */
function findBadToken(text: string): number {
  let good = 0
  let bad = text.length
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (hasBadToken(text.slice(0, middle))) bad = middle
    else good = middle
  }
  return hasBadToken(text) ? good : text.length
}

function hasBadToken(text: string): boolean {
  try {
    JSON.parse(text)
    return false
  } catch (error) {
    return (error as Error).message.startsWith('Unexpected token')
  }
}

function problemOfFile(file: string, expected: string): ConfigProblem {
  return { key: 'MCP_SERVERS_FILE', shownValue: JSON.stringify(file), origin: 'default', where: 'default', expected }
}
