import fp from 'fastify-plugin'
import type { ApiEnv } from '../env.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The checked environment of this process. */
    env: ApiEnv
  }
}

/** Decorates `app.env`. */
export const environmentPlugin = fp<{ env: ApiEnv }>(
  async (app, { env }) => {
    app.decorate('env', env)
  },
  { name: 'environment' }
)
