import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createFleet, type WorkerProcess } from '../../src/workers/fleet.ts'
import type { FromWorker } from '../../src/workers/messages.ts'

const SILENCE_MS = 200

/** A fleet of one worker that says what the test says. */
async function start(t: Test) {
  const heard: string[] = []
  const killed: string[] = []
  let say: (message: FromWorker) => void = () => undefined
  let exit: (code: number | null, signal: string | null) => void = () => undefined
  const process: WorkerProcess = {
    pid: 1,
    send: (message) => {
      if (message.kind === 'stop') exit(0, null)
    },
    kill: (signal) => killed.push(signal),
    onMessage: (listener) => {
      say = listener
    },
    onExit: (listener) => {
      exit = listener
    }
  }
  const fleet = createFleet({
    size: 1,
    fork: () => process,
    onMessage: (_number, { kind }) => heard.push(kind),
    onGone: () => undefined,
    report: { ready: () => undefined, ended: () => undefined, silent: () => undefined },
    silenceMs: SILENCE_MS
  })
  t.teardown(() => fleet.stop())
  const begun = fleet.start()
  say({ kind: 'ready', port: 1 })
  await begun
  return { fleet, killed, heard, say: (message: FromWorker) => say(message), exit: () => exit(null, 'SIGKILL') }
}

t.test('a worker that is silent for too long is ended', async (t) => {
  const { killed, say } = await start(t)
  for (let beat = 0; beat < 10; beat++) {
    await delay(SILENCE_MS / 4)
    say({ kind: 'alive' })
  }
  t.same(killed, [], 'not one that says that it lives')
  await delay(3 * SILENCE_MS)
  t.equal(killed[0], 'SIGKILL')
})

t.test('a launcher that was paused itself first hears what the workers have said meanwhile', async (t) => {
  const { killed, say } = await start(t)
  const until = performance.now() + 3 * SILENCE_MS
  while (performance.now() < until) {
    // As a pause of the whole process: no timer fires and no message is read.
  }
  await delay(SILENCE_MS / 2)
  say({ kind: 'alive' })
  await delay(SILENCE_MS / 2)
  t.same(killed, [])
})

t.test('what a worker has said before its end and is heard after it changes nothing', async (t) => {
  const { fleet, heard, say, exit } = await start(t)
  const claim = { kind: 'question', id: 1, name: 'claim', ask: { executionId: 'e', orgId: 'o' } } as const
  say(claim)
  t.same([heard, fleet.ready], [['question'], [1]])
  exit()
  say(claim)
  say({ kind: 'ready', port: 2 })
  t.same([heard, fleet.ready, fleet.portOf(1)], [['question'], [], undefined])
})
