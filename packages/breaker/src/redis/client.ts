import { createHash } from 'node:crypto'

/** What the store needs of a connection; an ioredis client fits. */
export interface RedisClient {
  evalsha(sha: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>
  eval(script: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>
}

/** A connection that does nothing but listen; an ioredis client fits. It must reconnect by itself. */
export interface RedisSubscriber {
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  off(event: 'message', listener: (channel: string, message: string) => void): unknown
}

/** A script that Redis keeps; it is sent whole only when Redis does not know it (any more). */
export function createScript(text: string): (client: RedisClient, keys: string[], args: string[]) => Promise<unknown> {
  const sha = createHash('sha1').update(text).digest('hex')
  return async (client, keys, args) => {
    try {
      return await client.evalsha(sha, keys.length, ...keys, ...args)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return client.eval(text, keys.length, ...keys, ...args)
    }
  }
}
