import type { Base } from './base.ts'
import { startLoad } from './load/start-load.ts'
import { summarizeLoad } from './load/summary.ts'

/** Tried in this order; the first is what is asked. */
const RATES = [200, 150, 120, 100, 80, 60, 40, 20]
const SECONDS = 6
const WORDS = 20

/** What the load's messages ask for: half of the answers are fixed, half carry marks. */
export async function loadMessages(base: Base) {
  const question = 'How are you today?'
  return [await base.simulator.message(question, WORDS), await base.simulator.message(question, WORDS, true)]
}

/** How the simulator answers under load: a chat takes about 0.8 s, so that many are under way when a fault strikes. */
export const LOAD_PACE = { firstTokenMs: 50, gapMs: 40 }

/** A rate is held when no chat fails and 99 of 100 take hardly longer than the model itself. */
const SLOWEST_MS = LOAD_PACE.firstTokenMs + (WORDS - 1) * LOAD_PACE.gapMs + 250

/** The highest rate at which chats run through the runtime without a fault, chats per second. */
export async function findRate(base: Base, report: (text: string) => void): Promise<{ rate: number; text: string }> {
  const runtime = await base.startRuntime()
  const api = await base.startApi({ RUNTIME_SERVICE_URL: runtime.url })
  await base.simulator.control(LOAD_PACE)
  const messages = await loadMessages(base)
  const run = async (rate: number, seconds: number) => {
    const load = {
      apis: [api.url],
      apiKey: base.runtimeOrg.apiKey,
      rate,
      chats: rate * seconds,
      rampMs: 2000,
      messages
    }
    return summarizeLoad(await startLoad({ ...load, timeoutMs: 20_000 }).records)
  }
  try {
    await run(50, 3)
    for (const rate of RATES) {
      const { failed, durationP50Ms, durationP99Ms } = await run(rate, SECONDS)
      const text = `${rate} chats/s: ${failed} failed, p50 ${durationP50Ms.toFixed(0)} ms, p99 ${durationP99Ms.toFixed(0)} ms`
      report(text)
      if (failed === 0 && durationP99Ms <= SLOWEST_MS) return { rate, text }
    }
    throw new Error(`this machine does not even hold ${RATES.at(-1)} chats/s without a fault`)
  } finally {
    await api.stop()
    await runtime.stop()
    await base.simulator.reset()
  }
}
