import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { TestScope } from '@semibot/stack/test'
import { waitFor } from '@semibot/stack/test'
import { TOKEN } from './start-app.ts'

const ENTRY = fileURLToPath(new URL('../../src/server.ts', import.meta.url))

export interface TestServer {
  /** Known once it listens. */
  origin(): Promise<string>
  kill(signal: NodeJS.Signals): void
  /** Exit code; null when a signal ended it. */
  exited: Promise<number | null>
  /** Standard output and standard error so far. */
  output(): string
}

/** The service as a process of its own, on a free port; killed at teardown if it still runs. */
export function startServer(t: TestScope, environment: Record<string, string> = {}): TestServer {
  const child = spawn(process.execPath, ['--conditions=@semibot/source', ENTRY], {
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'test',
      ENV_FILE: '/dev/null',
      RUNTIME_PORT: '0',
      RUNTIME_SERVICE_TOKEN: TOKEN,
      DATABASE_URL: 'postgres://semibot@127.0.0.1:1/semibot',
      ...environment
    },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      text += chunk
    })
  }
  const exited = once(child, 'close').then(([code]) => code as number | null)
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const origin = () =>
    waitFor(() => /Server listening at (http:[^"]+)/.exec(text)?.[1], {
      timeoutMs: 20_000,
      what: 'the server to listen'
    })
  return { origin, kill: (signal) => child.kill(signal), exited, output: () => text }
}
