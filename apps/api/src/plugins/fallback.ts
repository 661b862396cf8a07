import { type BreakerStatus, createFallbackBreaker, type FallbackBreaker } from '@semibot/breaker'
import { createRedisStore, type RedisClient } from '@semibot/breaker/redis'
import { findActiveForce, insertFallbackEvent } from '@semibot/db'
import { readAuthorities } from '@semibot/service-kit'
import fp from 'fastify-plugin'
import type { Dispatcher } from 'undici'
import { expandInstances, resolveAll } from '../adapters/runtime-addresses.ts'
import { createRuntimeDispatcher } from '../adapters/runtime-dispatcher.ts'
import { RuntimeHealthPoller } from '../adapters/runtime-health.ts'
import { createRuntimeProbe } from '../adapters/runtime-probe.ts'
import { type CutoverRules, mayUseRuntime } from '../chat/choose-mode.ts'
import {
  FORCE_SYNC_MS,
  HEALTH_LOG_MS,
  HEALTH_POLL_MS,
  HEALTH_TIMEOUT_MS,
  OPERATOR_DATABASE_WAIT_MS,
  RUNTIME_RESOLVE_MS
} from '../constants/config.ts'
import { LOG } from '../constants/log-messages.ts'
import { createCutoverReader } from '../cutover.ts'
import { effectiveStatus } from '../fallback/effective-status.ts'
import { createHealthLog } from '../fallback/health-log.ts'
import { applyStoredForce } from '../fallback/keep-force.ts'
import { reportTransition } from '../fallback/report-transition.ts'
import { thresholdsOf } from '../fallback/thresholds-of.ts'
import { createFallbackHistory, type FallbackHistory } from '../monitoring/fallback-history.ts'
import { repeat } from '../repeat.ts'
import type { RedisPool } from './redis.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Decides whether chats may use the runtime, and carries their calls. */
    breaker: FallbackBreaker
    /** Who may use the runtime, as the environment has it now. */
    cutover: () => CutoverRules
    /** Connections to the runtime. */
    runtimeHttp: Dispatcher
    runtimeHealth: RuntimeHealthPoller
    /** Where every change of the fallback is kept. */
    fallbackHistory: FallbackHistory
    /** The breaker's status as operators are to see it. */
    fallbackStatus: () => BreakerStatus
    /** Takes the environment's thresholds and cutover rules over; for SIGHUP. */
    reloadFallback: () => void
  }
}

/** The breaker with its eyes and its voice: health checks, probes, metrics, log, history. */
export const fallbackPlugin = fp<{ instanceId: string }>(
  async (app, { instanceId }) => {
    const { env, chatMetrics: metrics, log } = app
    let names = new Map<string, string>()
    const expand = async () => {
      const found = new Map<string, string>()
      const expanded = await expandInstances(env.RUNTIME_SERVICE_URL, resolveAll, (address, name) => {
        found.set(address, name)
      })
      names = found
      return expanded
    }
    const http = createRuntimeDispatcher({
      connectTimeoutMs: env.RUNTIME_CONNECT_TIMEOUT_MS,
      ca: env.RUNTIME_TLS_CA === undefined ? undefined : readAuthorities(env.RUNTIME_TLS_CA, 'RUNTIME_TLS_CA'),
      nameOf: (address) => names.get(address)
    })
    const cutover = createCutoverReader(env)
    const mayAsk = () => mayUseRuntime(cutover())
    let instances = await expand()

    const history = createFallbackHistory({
      insert: (event) => insertFallbackEvent(app.backgroundDb, event),
      waitMs: OPERATOR_DATABASE_WAIT_MS,
      onLate: (event, error) => log.error({ err: error, event }, LOG.changeNotStored)
    })

    const breaker: FallbackBreaker = createFallbackBreaker({
      instances,
      thresholds: thresholdsOf(env),
      windowSeconds: env.CHAT_RUNTIME_WINDOW_SECONDS,
      probe: createRuntimeProbe(http, env.RUNTIME_SERVICE_TOKEN[0] ?? ''),
      mayProbe: mayAsk,
      ...(app.redisPool === null ? {} : { store: sharedStore(app.redisPool, instanceId) }),
      onTransition: (transition) =>
        reportTransition(
          {
            log,
            metrics,
            forced: () => breaker.forced !== null,
            inUse: mayAsk,
            store: (event) => history.write(event),
            instanceId
          },
          transition
        ),
      onInstance: (instance, isUp) => metrics.setInstanceUp(instance, isUp),
      onProbe: (_instance, succeeded) => metrics.probe(succeeded ? 'success' : 'error'),
      onRejected: () => metrics.breakerRejection(),
      onError: (error) => log.error({ err: error }, LOG.fallbackTrouble)
    })
    const fallbackStatus = () => effectiveStatus(breaker.status(), mayAsk())
    const showFallback = () => metrics.setFallback(fallbackStatus().fallback, breaker.forced !== null)
    showFallback()
    metrics.setBreakerState('closed')
    for (const instance of instances) metrics.setInstanceUp(instance, true)

    const writeHealth = createHealthLog(log, HEALTH_LOG_MS)
    const health = new RuntimeHealthPoller({
      dispatcher: http,
      instances: () => instances,
      mayAsk,
      intervalMs: HEALTH_POLL_MS,
      timeoutMs: HEALTH_TIMEOUT_MS,
      onResult: (instance, entry) => {
        breaker.reportHealth(instance, entry.healthy)
        metrics.healthCheck(entry.healthy, entry.latencyMs / 1000)
        writeHealth(instance, entry)
      }
    })

    const resolve = async () => {
      showFallback()
      const found = await expand()
      if (found.join() === instances.join()) return
      for (const gone of instances) if (!found.includes(gone)) metrics.removeInstance(gone)
      instances = found
      breaker.setInstances(instances)
      log.info({ instances }, LOG.instancesChanged)
    }
    let forceKnown = false
    const syncForce = async () => {
      // With a shared state that is in reach, one look at start is enough.
      if (forceKnown && breaker.status().store === 'redis' && !breaker.status().degraded) return
      const find = () => history.unlessBehind(() => findActiveForce(app.backgroundDb))
      await applyStoredForce({ breaker, find })
      forceKnown = true
    }
    const loops = [
      repeat(RUNTIME_RESOLVE_MS, resolve, (error) => log.warn({ err: error }, LOG.instancesUnresolved)),
      repeat(FORCE_SYNC_MS, syncForce, (error) => log.debug({ err: error }, LOG.forceNotRead))
    ]

    app.decorate('breaker', breaker)
    app.decorate('cutover', cutover)
    app.decorate('runtimeHttp', http)
    app.dependencyMetrics.observeHttpClient('runtime', () => http.stats)
    app.decorate('runtimeHealth', health)
    app.decorate('fallbackHistory', history)
    app.decorate('fallbackStatus', fallbackStatus)
    app.decorate('reloadFallback', () => {
      breaker.setThresholds(thresholdsOf(env))
      showFallback()
    })
    app.addHook('onReady', async () => {
      await breaker.ready()
      health.start()
      for (const loop of loops) loop.begin()
      // An operator's order holds from the first chat on; without the database it is looked for again.
      await loops[1]?.current()
    })
    app.addHook('onClose', async () => {
      health.stop()
      await Promise.all(loops.map((loop) => loop.stop()))
      await breaker.close()
      await http.destroy()
    })
  },
  { name: 'fallback', dependencies: ['environment', 'database', 'redis', 'metrics'] }
)

function sharedStore(pool: RedisPool, replica: string) {
  const client: RedisClient = {
    evalsha: (sha, count, ...args) => pool.timed('eval', (redis) => redis.evalsha(sha, count, ...args)),
    eval: (script, count, ...args) => pool.timed('eval', (redis) => redis.eval(script, count, ...args))
  }
  return createRedisStore({ client, subscriber: pool.subscriber, replica })
}
