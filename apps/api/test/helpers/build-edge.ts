import { createLogger, createServer, type Server } from '@semibot/service-kit'
import type { FastifyPluginAsync } from 'fastify'
import { environmentPlugin } from '../../src/plugins/environment.ts'
import { testEnv } from './test-env.ts'
import type { TestScope } from './test-scope.ts'

/** A server with only the given plugins, for the tests of one of them; closed at teardown. */
export async function buildEdge(
  t: TestScope,
  environment: Record<string, string>,
  register: FastifyPluginAsync
): Promise<Server> {
  const env = testEnv(environment)
  const app = createServer({ logger: createLogger({ name: 'api', level: 'silent' }).logger })
  t.teardown(() => app.close())
  await app.register(environmentPlugin, { env })
  await register(app as never, {})
  await app.ready()
  return app
}
