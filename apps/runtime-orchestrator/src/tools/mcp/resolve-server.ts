import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { MCP_LIMITS } from '../../constants/mcp.ts'
import { expandVariables, type Variables } from './expand-variables.ts'
import type { HttpEntry, StdioEntry } from './file-schema.ts'
import type { HttpEndpoint, McpServerConfig, StdioEndpoint } from './server-config.ts'
import type { ProblemList } from './server-problems.ts'

export interface ServerEntry {
  name: string
  entry: StdioEntry | HttpEntry
  /** What relative paths start from. */
  folder: string
  variables: Variables
  inherited: Readonly<Record<string, string>>
}

/** Shorter values would be found in ordinary text. */
const SECRET_LENGTH = 6

const AUTH_SCHEME = /^(?:basic|bearer|token) +/i

/** Names of headers and variables whose values are secrets even when they stand in the file as they are. */
const SECRET_NAME = /auth(?!or)|authori[sz]|cookie|key|passw|secret|token/i

/** An entry that has the right shape, with its variables filled in; undefined when that brought up problems. */
export function resolveServer(
  { name, entry, folder, variables, inherited }: ServerEntry,
  problems: ProblemList
): McpServerConfig | undefined {
  const secrets = new Set<string>()
  const keepSecret = (value: string) => void (value.length >= SECRET_LENGTH && secrets.add(value))
  let complete = true
  const refuse = (path: readonly string[], value: unknown, expected: string) => {
    complete = false
    problems.add(['mcpServers', name, ...path], value, expected)
  }
  const expand = (path: readonly string[], text: string): string => {
    const { text: expanded, filled, missing } = expandVariables(text, variables)
    const [setting, key = ''] = path
    for (const { name: variable, value } of filled)
      if (setting === 'headers' || SECRET_NAME.test(key) || SECRET_NAME.test(variable)) keepSecret(value)
    for (const variable of missing)
      refuse(path, text, `a value for \${${variable}}, which is set neither in the environment nor in ENV_FILE`)
    return expanded
  }
  const expandAll = (setting: string, values: Readonly<Record<string, string>> = {}): Record<string, string> => {
    const entries = Object.entries(values).map(([key, value]) => [key, expand([setting, key], value)] as const)
    for (const [key, value] of entries)
      if (SECRET_NAME.test(key)) for (const part of [value, value.replace(AUTH_SCHEME, '')]) keepSecret(part)
    return Object.fromEntries(entries)
  }

  const endpoint = 'command' in entry ? stdioEndpoint(entry) : httpEndpoint(entry)
  for (const tool of Object.keys(entry.effects ?? {}))
    if (entry.allowedTools !== undefined && !entry.allowedTools.includes(tool))
      refuse(
        ['effects', tool],
        entry.effects?.[tool],
        `the effect of one of allowedTools: ${entry.allowedTools.join(', ')}`
      )
  if (!complete || endpoint === undefined) return undefined
  return {
    name,
    endpoint,
    effect: entry.effect ?? 'unsafe',
    effects: new Map(Object.entries(entry.effects ?? {})),
    allowedTools: entry.allowedTools && new Set(entry.allowedTools),
    orgs: entry.orgs && new Set(entry.orgs.map((org) => org.toLowerCase())),
    timeoutMs: entry.timeoutMs ?? MCP_LIMITS.timeoutMs.default,
    maxOutputBytes: entry.maxOutputBytes ?? MCP_LIMITS.outputBytes.default,
    // The longest first: none may hide a part of another.
    secrets: [...secrets].sort((left, right) => right.length - left.length)
  }

  function stdioEndpoint({ command, args = [], env, cwd }: StdioEntry): StdioEndpoint {
    const program = expand(['command'], command)
    const workingFolder = resolve(folder, cwd === undefined ? '.' : expand(['cwd'], cwd))
    if (!isFolder(workingFolder)) refuse(['cwd'], cwd, 'a folder that exists')
    return {
      kind: 'stdio',
      command: /^\.{1,2}\//.test(program) ? resolve(folder, program) : program,
      args: args.map((arg, index) => expand(['args', String(index)], arg)),
      env: { ...inherited, ...expandAll('env', env) },
      cwd: workingFolder
    }
  }

  function httpEndpoint({ url, headers }: HttpEntry): HttpEndpoint | undefined {
    const address = URL.parse(expand(['url'], url))
    if (address === null || !/^https?:$/.test(address.protocol) || address.username !== '' || address.password !== '') {
      refuse(['url'], url, 'an http(s) URL such as https://host/mcp, without user and password (they go into headers)')
      return undefined
    }
    for (const [key, value] of address.searchParams) if (SECRET_NAME.test(key)) keepSecret(value)
    const all = expandAll('headers', headers)
    for (const [key, value] of Object.entries(all))
      if (!/^[\x20-\x7e]*$/.test(value)) refuse(['headers', key], value, 'visible ASCII characters and spaces alone')
    return { kind: 'http', url: address, headers: all }
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
