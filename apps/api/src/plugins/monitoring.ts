import { listFallbackOrders } from '@semibot/db'
import fp from 'fastify-plugin'
import { FORCE_SYNC_MS, METRICS_SHARE_MS } from '../constants/config.ts'
import { LOG } from '../constants/log-messages.ts'
import { createOrderFollower } from '../monitoring/follow-orders.ts'
import { createOperatorOrders, type OperatorOrders } from '../monitoring/operator-orders.ts'
import { createRecentExecutions, type RecentExecutions } from '../monitoring/recent-executions.ts'
import { createSharedExecutions, type Snapshot } from '../monitoring/shared-executions.ts'
import { repeat } from '../repeat.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What has become of this process' executions lately; the execution of chats tells it. */
    recentExecutions: RecentExecutions
    /** The figures of every live replica, or null when this one knows only its own. */
    collectExecutions: () => Promise<Snapshot[] | null>
    operatorOrders: OperatorOrders
  }
}

/** Orders looked back at, when replicas learn of them from the database; each look is for two seconds of them. */
const ORDERS_SEEN = 20

/** What the operator's API works with. */
export const monitoringPlugin = fp<{ instanceId: string }>(
  async (app, { instanceId }) => {
    const { backgroundDb: db, breaker, fallbackHistory: history, log, redisPool: pool } = app
    const recent = createRecentExecutions()
    const read = () => recent.snapshot()
    const shared = pool === null ? null : createSharedExecutions({ pool, instanceId, read })

    const follow = createOrderFollower({
      breaker,
      instanceId,
      findOrders: () => history.unlessBehind(() => listFallbackOrders(db, ORDERS_SEEN))
    })
    const lookAtOrders = async () => {
      await history.flush()
      await follow()
    }
    const loops = [repeat(FORCE_SYNC_MS, lookAtOrders, (error) => log.debug({ err: error }, LOG.ordersNotRead))]
    if (shared !== null) {
      const onError = (error: unknown) => log.debug({ err: error }, 'the figures of this replica were not shared')
      loops.push(repeat(METRICS_SHARE_MS, () => shared.publish(), onError))
    }

    app.decorate('recentExecutions', recent)
    app.decorate('collectExecutions', async () => (shared === null ? null : shared.collect()))
    app.decorate('operatorOrders', createOperatorOrders({ breaker, history, instanceId }))
    app.addHook('onReady', async () => {
      for (const loop of loops) loop.begin()
    })
    app.addHook('onClose', async () => {
      await Promise.all(loops.map((loop) => loop.stop()))
      await shared?.retire().catch(() => {})
    })
  },
  { name: 'monitoring', dependencies: ['database', 'redis', 'fallback'] }
)
