import { createDatabase } from '@semibot/db'
import { createTestDatabase, startApi, startRuntime, startSimulator, type TestService } from '@semibot/stack/test'
import type { Test } from 'tap'
import { createTestOrganization, type TestOrganization } from './build-test-app.ts'
import { type ChatStream, openStream } from './chat-client.ts'

const SERVICE_TOKEN = 'service-token-of-the-tests-0123456789'
export const ADMIN_TOKEN = 'admin-token-of-the-tests-0123456789-abcdef'

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many routes; each test checks what it uses
  body: { success: boolean; data: any; error: { code: string; message: string } }
}

/** Simulator, runtime and api as real processes on a database of their own, with one organisation in each mode. */
export async function startPair(
  t: Test,
  options: {
    apiEnv?: Record<string, string>
    runtimeEnv?: Record<string, string>
    runtimes?: number
    leaveOut?: string[]
    /** Starts runtimes of the test's own, before the api, which then finds them. */
    startOthers?: (env: Record<string, string>) => Promise<unknown>
  } = {}
) {
  const databaseUrl = options.apiEnv?.DATABASE_URL ?? (await createTestDatabase(t))
  const { db, close } = createDatabase({ url: databaseUrl, max: 2, applicationName: 'test' })
  t.teardown(close)
  const inRuntime = await createTestOrganization(db, 'in-runtime')
  const direct = await createTestOrganization(db, 'direct')

  const simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '0', SIMULATOR_GAP_MS: '5' })
  const shared = {
    DATABASE_URL: databaseUrl,
    LLM_BASE_URL: simulator.baseUrl,
    RUNTIME_SERVICE_TOKEN: SERVICE_TOKEN,
    SHUTDOWN_GRACE_MS: '500'
  }
  const runtimes: TestService[] = []
  for (let index = 0; index < (options.runtimes ?? 1); index++) {
    runtimes.push(await startRuntime(t, { ...shared, ...options.runtimeEnv }))
  }
  await options.startOthers?.(shared)
  const apiEnv: Record<string, string> = {
    ...shared,
    RUNTIME_SERVICE_URL: runtimes.map((runtime) => runtime.baseUrl).join(',') || 'http://127.0.0.1:1',
    CHAT_RUNTIME_ENABLED_ORGS: 'in-runtime',
    ADMIN_TOKEN,
    ...options.apiEnv
  }
  for (const key of options.leaveOut ?? []) delete apiEnv[key]
  const api = await startApi(t, apiEnv)

  return { db, databaseUrl, inRuntime, direct, simulator, runtimes, api, apiEnv, ...clientOf(api.baseUrl) }
}

/** Calls of one api. */
export function clientOf(baseUrl: string) {
  return {
    /** Streams a chat. */
    stream: (org: TestOrganization, body: object, headers?: Record<string, string>): Promise<ChatStream> =>
      openStream(`${baseUrl}/api/v1/chat`, org.member.key, body, headers),
    /** Reads the events of an execution again. */
    resume: (org: TestOrganization, executionId: string, after?: number): Promise<ChatStream> =>
      openStream(
        `${baseUrl}/api/v1/chat/executions/${executionId}/events`,
        org.member.key,
        undefined,
        after === undefined ? {} : { 'last-event-id': String(after) }
      ),
    /** Any other call; `path` is under /api/v1. */
    call: async (
      org: TestOrganization,
      method: string,
      path: string,
      body?: object,
      headers: Record<string, string> = {}
    ): Promise<Answer> => {
      const response = await fetch(`${baseUrl}/api/v1${path}`, {
        method,
        headers: {
          ...org.member.headers,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] }
    }
  }
}
