import { connect } from 'node:net'
import { type RunningRedis, startRedis } from '@semibot/stack'

/** Starts a Redis, unpacking it where there is none. */
export async function needRedis(): Promise<RunningRedis> {
  const redis = await startRedis({ debianPackage: 'redis-server' })
  if (redis === undefined) throw new Error('there is no redis-server, and it cannot be unpacked')
  return redis
}

/** A connection for commands. */
export interface RedisConnection {
  /** Sends a command of plain words and resolves with the first line of its answer. */
  send(command: string): Promise<string>
  close(): void
}

/** Redis takes commands as lines of text; for the three that are needed here that will do. */
export function connectRedis(port: number): RedisConnection {
  const socket = connect(port, '127.0.0.1')
  const waiting: ((line: string) => void)[] = []
  let rest = ''
  socket.on('error', () => {})
  socket.on('data', (piece: Buffer) => {
    const lines = (rest + piece.toString()).split('\r\n')
    rest = lines.pop() ?? ''
    for (const line of lines) waiting.shift()?.(line)
  })
  return {
    send(command) {
      socket.write(`${command}\r\n`)
      return new Promise((resolve) => waiting.push(resolve))
    },
    close: () => socket.destroy()
  }
}
