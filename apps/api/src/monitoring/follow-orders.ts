import type { FallbackBreaker } from '@semibot/breaker'
import type { FallbackEvent } from '@semibot/db'

export interface FollowOrdersOptions {
  breaker: Pick<FallbackBreaker, 'status' | 'reset' | 'force'>
  /** The latest orders of operators, newest first. */
  findOrders: () => Promise<FallbackEvent[] | undefined>
  /** Of this process, whose own orders it knows. */
  instanceId: string
}

/**
 * Where no Redis tells the replicas of each other, the database does: what was reset, or left to the breaker
 * again, by way of another replica is so here as well. What was forced is applyStoredForce's part. Each call looks
 * once; it rejects while the database is away.
 */
export function createOrderFollower({ breaker, findOrders, instanceId }: FollowOrdersOptions): () => Promise<void> {
  /** The newest order that is known; undefined while Redis tells of them. */
  let known: string | undefined

  return async () => {
    const { store, degraded } = breaker.status()
    if (store === 'redis' && !degraded) {
      known = undefined
      return
    }
    const orders = await findOrders()
    if (orders === undefined) return
    const before = known
    const [last] = orders
    known = last?.id ?? ''
    // What was ordered before this replica began to look is past.
    if (before === undefined || last === undefined || last.id === before) return
    const seen = orders.findIndex((order) => order.id === before)
    const fresh = (seen === -1 ? orders : orders.slice(0, seen)).filter((order) => order.instance !== instanceId)
    const isForced = last.kind === 'force' && last.state !== 'auto'
    if (fresh.length === 0 || isForced) return
    const reset = fresh.find((order) => order.kind === 'reset')
    const actor = (reset ?? last).actor ?? 'operator'
    if (reset !== undefined) await breaker.reset(actor)
    else await breaker.force({ mode: 'auto', reason: last.detail, actor })
  }
}
