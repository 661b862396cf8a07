import { createHash } from 'node:crypto'
import type { ToolEffect } from '@semibot/chat-protocol'
import { MCP_LIMITS } from '../../constants/mcp.ts'
import type { ToolInputSchema } from '../tool.ts'
import { cleanText, hideSecrets } from './clean-text.ts'
import { readInputSchema } from './input-schema.ts'
import type { McpServerConfig } from './server-config.ts'
import { isRecord } from './server-problems.ts'

/** A tool of a server, in the form in which agents get it. */
export interface ListedTool {
  /** By which the model calls it. */
  name: string
  /** By which its server knows it. */
  remoteName: string
  description: string
  effect: ToolEffect
  inputSchema: ToolInputSchema
}

export interface ToolList {
  tools: ListedTool[]
  /** Tools that cannot be used, and why, for the log. */
  leftOut: { tool: string; why: string }[]
}

/** What model servers take as the name of a tool. */
const MAX_NAME_LENGTH = 64
const HASH_LENGTH = 8

/**
 * The tools of a server's answer that agents may use. Whatever a server says is taken as a claim: one bad entry is left
 * out and the rest stays, and hints about effects are not looked at.
 */
export function readToolList(config: McpServerConfig, listed: readonly unknown[]): ToolList {
  const leftOut: ToolList['leftOut'] = []
  const found = new Map<string, Omit<ListedTool, 'name'>>()
  let bytes = 0
  for (const entry of listed) {
    const remoteName = isRecord(entry) ? entry.name : undefined
    if (!isRecord(entry) || typeof remoteName !== 'string' || !/^\P{C}{1,128}$/u.test(remoteName)) {
      const shown = typeof remoteName === 'string' ? cleanText(remoteName, 40) : ''
      leftOut.push({ tool: shown, why: 'its name is not 1 to 128 visible characters' })
      continue
    }
    if (config.allowedTools !== undefined && !config.allowedTools.has(remoteName)) continue
    if (found.has(remoteName)) {
      leftOut.push({ tool: remoteName, why: 'another tool has the same name' })
      continue
    }
    const inputSchema = readInputSchema(entry.inputSchema)
    if (typeof inputSchema === 'string') {
      leftOut.push({ tool: remoteName, why: inputSchema })
      continue
    }
    const description = hideSecrets(describe(entry, config.name), config.secrets)
    const shape = JSON.stringify(inputSchema.json)
    const size = Buffer.byteLength(description) + Buffer.byteLength(shape)
    if (config.secrets.some((secret) => shape.includes(secret)))
      leftOut.push({ tool: remoteName, why: 'its input schema holds a secret' })
    else if (found.size === MCP_LIMITS.tools) leftOut.push({ tool: remoteName, why: `there are ${found.size} others` })
    else if (bytes + size > MCP_LIMITS.toolsBytes)
      leftOut.push({ tool: remoteName, why: `all tools together have more than ${MCP_LIMITS.toolsBytes} bytes` })
    else {
      bytes += size
      const effect = config.effects.get(remoteName) ?? config.effect
      found.set(remoteName, { remoteName, description, effect, inputSchema })
    }
  }
  for (const tool of config.allowedTools ?? [])
    if (!found.has(tool) && !leftOut.some((other) => other.tool === tool))
      leftOut.push({ tool, why: 'the server has no such tool' })
  const names = nameTools(config.name, [...found.keys()])
  return { tools: [...found].map(([remote, tool]) => ({ name: names.get(remote)!, ...tool })), leftOut }
}

function describe(entry: Record<string, unknown>, server: string): string {
  const { description, title } = entry
  const said = typeof description === 'string' && description.trim() !== '' ? description : title
  const text = typeof said === 'string' ? cleanText(said, MCP_LIMITS.descriptionLength).trim() : ''
  return text === '' ? `A tool of the MCP server ${server}.` : text
}

/**
 * `server__tool` for each tool. Characters that model servers do not take become `_`; a name that is too long, or that
 * would then be another tool's, ends in a hash of the server's own name for it.
 */
export function nameTools(server: string, remoteNames: readonly string[]): Map<string, string> {
  const plain = (remote: string) => `${server}__${remote.replace(/[^A-Za-z0-9_-]/g, '_')}`
  const exact = (remote: string) => plain(remote) === `${server}__${remote}` && plain(remote).length <= MAX_NAME_LENGTH
  const names = new Map(remoteNames.filter(exact).map((remote) => [remote, plain(remote)]))
  const taken = new Set(names.values())
  // In an order of their own, so that the order of the list changes no name.
  for (const remote of remoteNames.filter((name) => !names.has(name)).toSorted()) {
    const hash = createHash('sha256').update(remote).digest('hex').slice(0, HASH_LENGTH)
    const hashed = `${plain(remote).slice(0, MAX_NAME_LENGTH - HASH_LENGTH - 1)}_${hash}`
    const name = plain(remote).length > MAX_NAME_LENGTH || taken.has(plain(remote)) ? hashed : plain(remote)
    names.set(remote, name)
    taken.add(name)
  }
  return names
}
