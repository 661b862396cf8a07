import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import closeWithGrace from 'close-with-grace'
import { createSimulator } from './app.ts'
import { readEnv } from './env.ts'

/** How long answers may finish after SIGTERM. */
const GRACE_MS = 2000

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  // A connection that was answering when the server closed stays open afterwards, for a request that cannot come.
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS)
  await closed
  clearTimeout(timer)
  clearInterval(idle)
}

async function start(): Promise<void> {
  // An address is no environment key: outside a container nobody but this machine needs a simulator.
  const { host } = parseArgs({ options: { host: { type: 'string', default: '127.0.0.1' } } }).values
  const env = readEnv()
  const firstTokenMs = env.SIMULATOR_FIRST_TOKEN_MS
  const gapMs = env.SIMULATOR_GAP_MS
  const server = createSimulator({ firstTokenMs, gapMs })
  server.listen(env.SIMULATOR_PORT, host)
  await once(server, 'listening')
  const { address, port, family } = server.address() as AddressInfo
  const name = family === 'IPv6' ? `[${address}]` : address
  process.stdout.write(
    `llm-simulator listens on http://${name}:${port}/v1 (first token after ${firstTokenMs} ms, then every ${gapMs} ms)\n`
  )
  closeWithGrace({ delay: GRACE_MS + 1000, logger: false }, async ({ err }) => {
    if (err !== undefined) process.stderr.write(`${err.stack ?? err.message}\n`)
    await close(server)
  })
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, port } = error as NodeJS.ErrnoException & { port?: number }
  if (code === 'EADDRINUSE') return `port ${port} is taken; set SIMULATOR_PORT to a free one`
  return error.message
}

try {
  await start()
} catch (error) {
  process.stderr.write(`llm-simulator cannot start: ${explain(error)}\n`)
  process.exitCode = 1
}
