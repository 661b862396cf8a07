// The smallest MCP server over stdio (https://modelcontextprotocol.io/specification, JSON-RPC in lines): one tool.
import { createInterface } from 'node:readline'

const TOOL = { name: 'echo', description: 'Gives back its text.', inputSchema: { type: 'object' } }

const ANSWERS = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'echo', version: '1.0.0' }
  }),
  'tools/list': () => ({ tools: [TOOL] }),
  'tools/call': ({ arguments: input }) => ({ content: [{ type: 'text', text: String(input?.text ?? '') }] }),
  ping: () => ({})
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) continue
  const result = ANSWERS[method]?.(params)
  const answer = result === undefined ? { error: { code: -32601, message: `there is no ${method}` } } : { result }
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...answer })}\n`)
}
