import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { startPostgres } from '../postgres/start-postgres.ts'
import { findAlertmanager, findPrometheus } from '../prometheus/programs.ts'
import { startRedis } from '../redis.ts'
import { ensureTemplateDatabase } from '../test/database.ts'

export interface TestServices {
  /** What the tests find in their environment. */
  env: { TEST_DATABASE_URL: string; TEST_REDIS_URL?: string; TEST_SERVICES: string; TEST_PROMETHEUS: string }
  /** Whether a redis-server was there or could be unpacked. */
  hasRedis: boolean
  /** The same of Prometheus, promtool and Alertmanager. */
  hasPrometheus: boolean
  /** A server of the caller's was used: earlier results say nothing about it. */
  foreign: boolean
  stop(): Promise<void>
}

/**
 * Starts one PostgreSQL and one Redis for a whole test run, and makes the template database. TEST_DATABASE_URL and
 * TEST_REDIS_URL of the environment are used instead when they are set.
 */
export async function startTestServices(report: (text: string) => void, signal: AbortSignal): Promise<TestServices> {
  const { TEST_DATABASE_URL, TEST_REDIS_URL } = process.env
  const folder = mkdtempSync(join(tmpdir(), 'semibot-test-'))
  // The database of root runs as another user, who must be able to cross the folder.
  chmodSync(folder, 0o711)
  const stops: (() => Promise<unknown>)[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(stops.map((end) => end()))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const postgres = TEST_DATABASE_URL
      ? undefined
      : await startPostgres({
          dataDir: join(folder, 'postgres'),
          fast: true,
          maxConnections: 400,
          note: report,
          signal
        })
    if (postgres) {
      stops.push(async () => {
        await postgres.stop()
        // Elsewhere than in the folder when that user cannot reach the temporary folder at all.
        rmSync(dirname(postgres.dataDir), { recursive: true, force: true })
      })
    }
    const redis = TEST_REDIS_URL
      ? undefined
      : await startRedis({ debianPackage: 'redis-server', log: onlyUnpacking(report), signal })
    if (redis) stops.push(redis.stop)
    const log = onlyUnpacking(report)
    const hasPrometheus = Boolean((await findPrometheus({ log })) && (await findAlertmanager({ log })))
    const databaseUrl = postgres?.adminUrl ?? (TEST_DATABASE_URL as string)
    const redisUrl = redis?.url ?? TEST_REDIS_URL
    await ensureTemplateDatabase(databaseUrl)
    signal.throwIfAborted()
    return {
      env: {
        TEST_DATABASE_URL: databaseUrl,
        ...(redisUrl && { TEST_REDIS_URL: redisUrl }),
        TEST_SERVICES: redisUrl ? 'postgres,redis' : 'postgres',
        TEST_PROMETHEUS: hasPrometheus ? 'yes' : 'missing'
      },
      hasRedis: Boolean(redisUrl),
      hasPrometheus,
      foreign: Boolean(TEST_DATABASE_URL || TEST_REDIS_URL),
      stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function onlyUnpacking(report: (text: string) => void): (line: string) => void {
  return (line) => {
    if (/^(redis-server|prometheus(-alertmanager)?) (is not|cannot)/.test(line)) report(line)
  }
}
