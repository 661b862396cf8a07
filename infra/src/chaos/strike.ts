import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '@semibot/stack'
import { describeStrike, type Strike, type StrikeKind } from './plan.ts'
import type { Service } from './service.ts'
import type { ChaosStack } from './stack.ts'

/** What the model does wrong while it is struck. */
const MODEL_FAULTS: Partial<Record<StrikeKind, Record<string, unknown>>> = {
  'model-429': { kind: 'status', status: 429, retryAfter: 1 },
  'model-500': { kind: 'status', status: 500 },
  'model-cut': { kind: 'cut', after: 5 },
  'model-stall': { kind: 'stall', after: 5 },
  'model-hang': { kind: 'hang' }
}

const ROAD_FAULTS: Partial<Record<StrikeKind, Fault>> = {
  cut: { kind: 'refuse' },
  refuse: { kind: 'refuse' },
  hang: { kind: 'hang' },
  delay: { kind: 'delay', ms: 150 }
}

/**
 * Carries a plan out; resolves when all faults are over and everything runs again. A target that has not come back
 * when its next fault is due gets that one when it has.
 */
export async function strikeAll(stack: ChaosStack, strikes: readonly Strike[], onStrike: (strike: Strike) => void) {
  const startedAt = performance.now()
  const busy = new Map<string, Promise<void>>()
  for (const strike of strikes) {
    await delay(Math.max(0, strike.atMs - (performance.now() - startedAt)))
    const mine = (busy.get(strike.target) ?? Promise.resolve()).then(async () => {
      onStrike(strike)
      stack.note(`STRIKE ${describeStrike(strike)}`)
      await carryOut(stack, strike)
      stack.note(`over: ${strike.kind} ${strike.target}`)
    })
    busy.set(strike.target, mine)
    // It is waited for below; until then nobody else need hear of it.
    mine.catch(() => {})
  }
  await Promise.all(busy.values())
}

async function carryOut(stack: ChaosStack, { kind, target, forMs }: Strike): Promise<void> {
  const { roads, servers, simulator } = stack
  const server = servers.get(target)
  if (server !== undefined) return await server.crash(forMs)
  const road = roads.get(target)
  if (road !== undefined) {
    await road.set(ROAD_FAULTS[kind]!)
    await delay(forMs)
    return await road.set({ kind: 'none' })
  }
  if (target === 'model') {
    await simulator.control({ faults: [MODEL_FAULTS[kind]] })
    await delay(forMs)
    return await simulator.control({ faults: [] })
  }
  const name = target.replace(/-worker$/, '')
  const service = [...stack.apis, ...stack.runtimes].find((candidate) => candidate.name === name)
  if (service === undefined) throw new Error(`there is no target ${target}`)
  if (target !== name) return await strikeWorker(service, kind, forMs)
  if (kind === 'pause' || kind === 'long-pause') {
    service.signal('SIGSTOP')
    await delay(forMs)
    return service.signal('SIGCONT')
  }
  await service.end(kind === 'kill' ? 'SIGKILL' : 'SIGTERM')
  await delay(forMs)
  await service.start()
}

async function strikeWorker(service: Service, kind: StrikeKind, forMs: number): Promise<void> {
  // The one that has been there for longest has most to do.
  const [pid] = service.workers
  if (pid === undefined) return
  if (kind === 'kill-worker') return service.signalWorker(pid, 'SIGKILL')
  service.signalWorker(pid, 'SIGSTOP')
  await delay(forMs)
  service.signalWorker(pid, 'SIGCONT')
}
