import { defineGroup, optionalKey } from '../key.ts'
import { text } from '../kinds.ts'

/** Tools that come from outside; read by the runtime alone. */
export const mcpGroup = defineGroup({
  name: 'mcp',
  title: 'Tools of MCP servers',
  keys: {
    MCP_SERVERS_FILE: optionalKey({
      kind: text({ expected: 'a file path', type: 'path' }),
      doc: 'JSON file that lists MCP servers, whose tools agents may use (docs/mcp.md). Unset: built-in tools only. Only read at boot.'
    })
  }
})
