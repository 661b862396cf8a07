import { setTimeout as delay } from 'node:timers/promises'
import { type RunningPostgres, type RunningRedis, startPostgres, startRedis } from '@semibot/stack'

/** PostgreSQL or Redis: it crashes, and comes back on its port after so many milliseconds. */
export interface Server {
  readonly url: string
  crash(downMs: number): Promise<void>
  stop(): Promise<unknown>
}

/** PostgreSQL with everything forced to the disk: what was committed must be there after a crash. */
export async function startCrashingPostgres(dataDir: string, log: (line: string) => void): Promise<Server> {
  const secrets = { password: 'of-the-chaos', adminPassword: 'of-the-chaos' }
  let server: RunningPostgres = await startPostgres({ dataDir, ...secrets, log })
  const { url, port } = server
  return {
    url,
    async crash(downMs) {
      // SIGQUIT: all of its processes end at once, and it recovers from its log when it starts.
      server.process.kill('SIGQUIT')
      await server.process.exited
      await delay(downMs)
      server = await startPostgres({ dataDir, port, ...secrets, log })
    },
    stop: () => server.stop()
  }
}

/** Redis, which forgets everything when it crashes. */
export async function startCrashingRedis(log: (line: string) => void): Promise<Server> {
  const start = async (port?: number): Promise<RunningRedis> => {
    const started = await startRedis({ debianPackage: 'redis-server', log, ...(port !== undefined && { port }) })
    if (started === undefined) throw new Error('there is no redis-server')
    return started
  }
  let server = await start()
  const { url, port } = server
  return {
    url,
    async crash(downMs) {
      server.process.kill('SIGKILL')
      await server.process.exited
      await delay(downMs)
      server = await start(port)
    },
    stop: () => server.stop()
  }
}
