import { type BreakerStatus, type FallbackBreaker, type ForceOrder, reasonText } from '@semibot/breaker'
import type { NewFallbackEvent } from '@semibot/db'
import type { FallbackHistory } from './fallback-history.ts'

/** What became of an order. */
export interface Ordered {
  status: BreakerStatus
  /** It is in the history; else it will be, when the database is back. */
  stored: boolean
}

/** What operators may order. The breaker obeys at once, whatever has become of the database. */
export interface OperatorOrders {
  reset(actor: string): Promise<Ordered>
  force(order: Required<ForceOrder>): Promise<Ordered>
}

export interface OperatorOrdersOptions {
  breaker: Pick<FallbackBreaker, 'status' | 'reset' | 'force'>
  history: Pick<FallbackHistory, 'write'>
  instanceId: string
  now?: () => number
}

export function createOperatorOrders({
  breaker,
  history,
  instanceId,
  now = Date.now
}: OperatorOrdersOptions): OperatorOrders {
  async function carryOut(order: NewFallbackEvent, obey: () => Promise<unknown>): Promise<Ordered> {
    const { state, reason, fallbackReason, window } = breaker.status()
    const evidence = { state, reason, fallbackReason, ...window }
    // Both begin in the same tick, so nobody takes what the database has for the latest order in between.
    const [stored] = await Promise.all([history.write({ ...order, evidence, instance: instanceId }), obey()])
    return { status: breaker.status(), stored }
  }

  return {
    reset: (actor) =>
      carryOut({ kind: 'reset', state: 'closed', reason: 'reset', detail: reasonText('reset'), actor }, () =>
        breaker.reset(actor)
      ),
    force: (order) => {
      const { mode, reason, actor, expiresInSeconds } = order
      const expiresAt = mode === 'auto' ? undefined : new Date(now() + expiresInSeconds * 1000)
      return carryOut({ kind: 'force', state: mode, reason: 'forced', detail: reason, actor, expiresAt }, () =>
        breaker.force(order)
      )
    }
  }
}
