import { EventEmitter } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import CircuitBreaker from 'opossum'
import t from 'tap'
import type { Pass } from '../src/index.ts'
import { CircuitOpenError, InstanceCircuit } from '../src/instances/instance-circuit.ts'
import { settle } from './helpers/simulated-clock.ts'
import { ONLY, simulate } from './helpers/simulation.ts'

function circuitOf(onRejected = () => {}, isOpen = false): InstanceCircuit {
  return new InstanceCircuit({ instance: ONLY, rotation: new EventEmitter(), onRejected }, isOpen)
}

t.test('every call and every probe runs inside a circuit of opossum', async (t) => {
  const { fire } = CircuitBreaker.prototype
  let inside = 0
  let fired = 0
  CircuitBreaker.prototype.fire = function (...args) {
    fired++
    inside++
    try {
      return fire.apply(this, args)
    } finally {
      inside--
    }
  }
  t.teardown(() => {
    CircuitBreaker.prototype.fire = fire
  })
  let ran = 0
  let outside = 0
  const count = () => {
    ran++
    if (inside === 0) outside++
  }
  const { behaviour, breaker, chats, clock, status } = simulate(t, {
    probe: async () => {
      count()
    }
  })
  const pass = breaker.admit('x') as Pass
  for (let call = 0; call < 20; call++) await breaker.call(pass, ONLY, async () => count())
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  const firedBefore = fired
  for (let call = 0; call < 7; call++)
    await t.rejects(
      breaker.call(pass, ONLY, async () => count()),
      CircuitOpenError
    )
  t.equal(fired, firedBefore + 7, 'a rejection is one of opossum, too')
  await clock.advance(15_000)
  t.equal(status().state, 'closed')
  t.equal(ran, 30, '20 calls and 10 probes')
  t.equal(outside, 0)
})

t.test('results of calls from before a new epoch reach their callers and change nothing', async (t) => {
  const circuit = circuitOf()
  const old = circuit.current
  const waiting = Array.from({ length: 3 }, () => Promise.withResolvers<string>())
  const calls = waiting.map(({ promise }) => circuit.fire(() => promise))
  circuit.replace(true)
  waiting[0]?.resolve('late')
  waiting[1]?.reject(new Error('late failure'))
  waiting[2]?.resolve('later')
  const results = await Promise.allSettled(calls)
  t.match(results, [{ value: 'late' }, { reason: { message: 'late failure' } }, { value: 'later' }])
  t.ok(circuit.current.opened, 'a late success does not close it')
  t.match(circuit.current.stats, { successes: 0, failures: 0, fires: 0 })
  t.ok(old.isShutdown)
})

t.test('a thousand epochs leave no circuit and no listener behind', async (t) => {
  const rotation = new EventEmitter().setMaxListeners(0)
  const circuit = new InstanceCircuit({ instance: ONLY, rotation, onRejected: () => {} }, false)
  const timersBefore = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const old: WeakRef<object>[] = []
  for (let epoch = 0; epoch < 1000; epoch++) {
    old.push(new WeakRef(circuit.current))
    circuit.replace(epoch % 2 === 0)
  }
  t.equal(rotation.listenerCount('rotate'), 1)
  t.equal(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length, timersBefore, 'nor a timer')
  t.equal(circuit.version, 1001)
  setFlagsFromString('--expose-gc')
  await settle()
  ;(runInNewContext('gc') as () => void)()
  const alive = old.filter((reference) => reference.deref() !== undefined).length
  t.ok(alive < 50, `${alive} of 1000 alive: the collector may miss a few, a leak would keep them all`)
})

t.test('opossum never trips by itself and never goes half open by itself', async (t) => {
  const circuit = circuitOf()
  for (let call = 0; call < 500; call++) {
    await t.rejects(
      circuit.fire(async () => {
        throw new Error('no')
      }),
      { message: 'no' }
    )
  }
  t.notOk(circuit.current.opened)
  circuit.open()
  t.notOk(circuit.current.pendingClose)
  await t.rejects(
    circuit.fire(async () => 'never'),
    CircuitOpenError
  )
  t.ok(circuit.current.opened)
})

t.test('an open circuit turns calls away and says so, once each', async (t) => {
  let rejected = 0
  const circuit = circuitOf(() => rejected++, true)
  let ran = false
  const run = async () => {
    ran = true
  }
  await t.rejects(circuit.fire(run), { name: 'CircuitOpenError', instance: ONLY })
  t.notOk(ran)
  t.equal(rejected, 1)
})

t.test('a circuit that was shut down is replaced and tried once, one that is retired is not', async (t) => {
  const circuit = circuitOf()
  circuit.current.shutdown()
  t.equal(await circuit.fire(async () => 'answer'), 'answer')
  circuit.open()
  circuit.current.shutdown()
  await t.rejects(
    circuit.fire(async () => 'answer'),
    CircuitOpenError,
    'and it stays open when it was'
  )
  circuit.retire()
  await t.rejects(
    circuit.fire(async () => 'answer'),
    CircuitOpenError
  )
})

t.test('an error of the call that looks like one of opossum passes unchanged', async (t) => {
  const circuit = circuitOf()
  const error = Object.assign(new Error('of the call'), { code: 'EOPENBREAKER' })
  await t.rejects(
    circuit.fire(() => Promise.reject(error)),
    error
  )
})

t.test('a failure costs no more when many calls have been made', async (t) => {
  const circuit = circuitOf()
  const succeed = async () => {}
  const fail = async () => {
    throw new Error('no')
  }
  const time = async () => {
    const start = performance.now()
    for (let call = 0; call < 200; call++) await circuit.fire(fail).catch(() => {})
    return performance.now() - start
  }
  await time()
  const few = Math.min(await time(), await time())
  for (let call = 0; call < 20_000; call++) await circuit.fire(succeed)
  const many = Math.min(await time(), await time())
  t.ok(many < few * 5 + 20, `200 failures: ${few.toFixed(1)} ms, after 20,000 calls ${many.toFixed(1)} ms`)
})

t.test('the statistics of opossum are forgotten by rotation', async (t) => {
  const rotation = new EventEmitter()
  const circuit = new InstanceCircuit({ instance: ONLY, rotation, onRejected: () => {} }, false)
  for (let call = 0; call < 10; call++) await circuit.fire(async () => {})
  t.equal(circuit.current.stats.fires, 10)
  rotation.emit('rotate')
  rotation.emit('rotate')
  t.equal(circuit.current.stats.fires, 0)
  await settle()
})
