import { defineGroup, optionalKey } from '../key.ts'
import { redisUrl } from '../url-kinds.ts'

/** Redis; everything works without it, by process instead of by cluster. */
export const redisGroup = defineGroup({
  name: 'redis',
  title: 'Redis',
  keys: {
    REDIS_URL: optionalKey({
      kind: redisUrl(),
      secret: 'password',
      doc: 'Shares the state of the fallback between api processes. Unset: each process has its own.',
      setByStart: 'the redis-server that it starts, if one is on PATH'
    })
  }
})
