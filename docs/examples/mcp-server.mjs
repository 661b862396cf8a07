// A small MCP server over standard input and output: one JSON message on each line. Real servers use an SDK; this one
// shows what travels. It keeps notes in the file NOTES_FILE.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const file = process.env.NOTES_FILE ?? 'notes.txt'
const text = { type: 'object', properties: { text: { type: 'string', maxLength: 500 } }, required: ['text'] }

const tools = {
  read_notes: {
    description: 'All notes, one on each line.',
    inputSchema: { type: 'object', properties: {} },
    run: () => (existsSync(file) ? readFileSync(file, 'utf8') : 'no notes yet')
  },
  add_note: {
    description: 'Writes down a note of at most 500 characters.',
    inputSchema: text,
    run: (input) => {
      appendFileSync(file, `${input.text.replaceAll('\n', ' ')}\n`)
      return 'written down'
    }
  }
}

const methods = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    serverInfo: { name: 'notes', version: '1.0.0' },
    capabilities: { tools: {} }
  }),
  ping: () => ({}),
  'tools/list': () => ({ tools: Object.entries(tools).map(([name, { run, ...tool }]) => ({ name, ...tool })) }),
  'tools/call': ({ name, arguments: input }) => ({ content: [{ type: 'text', text: tools[name].run(input) }] })
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  // What has no id is a notification and gets no answer.
  if (id === undefined) return
  const answer = {}
  try {
    answer.result = methods[method](params ?? {})
  } catch (error) {
    answer.error = { code: -32603, message: error.message }
  }
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...answer })}\n`)
})
