import { setTimeout as pause } from 'node:timers/promises'
import { readMetrics, sumOf, waitFor } from '@semibot/stack'
import { usageOf } from '../../process-usage.ts'
import type { Service } from '../base.ts'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import { startLoad } from '../load/start-load.ts'
import { summarizeLoad } from '../load/summary.ts'

/** The operations document: an api of 2 cores takes 100 requests at once, a runtime of 4 cores 50 executions. */
const REQUESTS = 100
const EXECUTIONS = 50
/** As fast as a model writes that is not the slowest. */
const CHUNKS_PER_SECOND = 20
const MOST_OF_A_CORE = 0.1

export const requestsScenario: Scenario = {
  name: 'requests',
  about: `${REQUESTS} chats at once on one api`,
  run: (context) => hold(context, 'direct_llm', REQUESTS)
}

export const executionsScenario: Scenario = {
  name: 'executions',
  about: `${EXECUTIONS} executions at once on one runtime, through the api`,
  run: (context) => hold(context, 'runtime_orchestrator', EXECUTIONS)
}

/** So many chats that are all under way at the same time, and what the processes use meanwhile. */
async function hold(
  { base, quick }: FigureContext,
  mode: 'direct_llm' | 'runtime_orchestrator',
  chats: number
): Promise<Figure[]> {
  const isDirect = mode === 'direct_llm'
  const seconds = quick ? 4 : 15
  // Some seconds more, so that all are under way as long as is looked.
  const words = (seconds + 15) * CHUNKS_PER_SECOND
  const runtime = isDirect ? undefined : await base.startRuntime({ RUNTIME_MAX_CONCURRENT_EXECUTIONS: String(chats) })
  const api = await base.startApi(runtime === undefined ? {} : { RUNTIME_SERVICE_URL: runtime.url })
  try {
    await base.simulator.control({ firstTokenMs: 50, gapMs: 1000 / CHUNKS_PER_SECOND })
    const { apiKey } = isDirect ? base.directOrg : base.runtimeOrg
    const messages = [await base.simulator.message('How are you today?', words)]
    const load = startLoad({
      apis: [api.url],
      apiKey,
      rate: 50,
      chats,
      rampMs: 1000,
      messages,
      timeoutMs: (seconds + 40) * 1000
    })
    const inFlight = async () => sumOf([await readMetrics(api.url)], `chat_execution_in_flight{mode="${mode}"}`)
    await waitFor(async () => (await inFlight()) === chats, {
      what: `${chats} chats under way`,
      timeoutMs: 12_000
    }).catch(async (error: Error) => {
      const { failed, problem } = summarizeLoad(await load.records)
      throw new Error(`${error.message}; ${failed} failed: ${problem}`, { cause: error })
    })
    const services: Service[] = runtime === undefined ? [api] : [api, runtime]
    const shares = await coreShares(services, seconds)
    const stillThere = await inFlight()
    const { failed, problem } = summarizeLoad(await load.records)
    const text = services.map(({ name }, index) => `${name} ${((shares[index] ?? 0) * 100).toFixed(1)} %`).join(', ')
    const where = isDirect ? 'on one api' : 'on one runtime'
    return [
      figure(
        {
          fault: `${chats} chats at once ${where}, ${CHUNKS_PER_SECOND} chunks/s each`,
          asked: '0 failed, each answer whole',
          measured: `${failed} of ${chats} failed, ${stillThere} under way at the end of ${seconds} s${problem && `; ${problem}`}`
        },
        failed === 0 && stillThere === chats,
        []
      ),
      figure(
        {
          fault: `${chats} chats at once ${where}: CPU`,
          asked: `< ${MOST_OF_A_CORE * 100} % of a core each`,
          measured: `${text} of a core`
        },
        shares.every((share) => share < MOST_OF_A_CORE),
        []
      )
    ]
  } finally {
    await api.stop()
    await runtime?.stop()
    await base.simulator.reset()
  }
}

/** Share of one core that each process uses over some seconds. */
async function coreShares(services: readonly Service[], seconds: number): Promise<number[]> {
  const read = () => services.map(({ pid }) => usageOf(pid).cpuSeconds)
  const before = read()
  const startedAt = performance.now()
  await pause(seconds * 1000)
  const elapsed = (performance.now() - startedAt) / 1000
  return read().map((used, index) => (used - (before[index] ?? 0)) / elapsed)
}
