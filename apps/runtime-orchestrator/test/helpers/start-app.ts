import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { loadEnv, RUNTIME_GROUPS } from '@semibot/config'
import type { TestScope } from '@semibot/stack/test'
import { pino } from 'pino'
import { buildApp } from '../../src/app.ts'
import type { Tool } from '../../src/tools/tool.ts'

export const TOKEN = 'a-token-of-the-api'
export const AUTHORIZED = { authorization: `Bearer ${TOKEN}` }

/** A port of this machine on which nobody listens. */
const NOBODY = 'postgres://semibot@127.0.0.1:1/semibot'

export interface TestApp {
  origin: string
  /** Parsed log lines so far. */
  log: Record<string, unknown>[]
  app: Awaited<ReturnType<typeof buildApp>>
}

/**
 * The real app on a free port of this process, closed at teardown. Without `DATABASE_URL` it has no database. `tools`
 * come beside the built-in ones.
 */
export async function startApp(
  t: TestScope,
  environment: Record<string, string> = {},
  tools: readonly Tool[] = []
): Promise<TestApp> {
  const env = loadEnv(RUNTIME_GROUPS, {
    environment: {
      NODE_ENV: 'test',
      DATABASE_URL: NOBODY,
      RUNTIME_SERVICE_TOKEN: `an-older-token,${TOKEN}`,
      SHUTDOWN_GRACE_MS: '0',
      ...environment
    },
    readFile: () => undefined
  })
  const log: Record<string, unknown>[] = []
  const lines = new Writable({
    write(chunk, _encoding, done) {
      log.push(JSON.parse(String(chunk)) as Record<string, unknown>)
      done()
    }
  })
  const app = await buildApp(env, {
    logger: pino({ level: 'debug' }, lines),
    moreTools: [
      { tools: () => tools, owns: (name) => tools.some((tool) => tool.name === name), close: async () => undefined }
    ]
  })
  t.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, log, app }
}
