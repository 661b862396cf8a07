import { channel } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'

/** One route of an app, as `METHOD url`. */
export type RouteName = string

/**
 * Every route of the apps that `build` makes, hidden ones included. Fastify has no list of routes, but
 * tells about each new instance before anything is registered.
 */
export async function collectRoutes<T>(build: () => Promise<T>): Promise<{ result: T; routes: Set<RouteName> }> {
  const routes = new Set<RouteName>()
  const created = channel('fastify.initialization')
  const onCreated = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url }) => {
      for (const name of [method].flat()) routes.add(`${name} ${url}`)
    })
  }
  created.subscribe(onCreated)
  try {
    return { result: await build(), routes }
  } finally {
    created.unsubscribe(onCreated)
  }
}
