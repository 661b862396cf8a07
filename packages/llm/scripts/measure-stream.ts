/**
 * What one chunk of an answer costs in CPU, against reading the same bytes and throwing them away.
 * All ways run in this process against one simulator process, in turns; the figures are medians over the turns.
 * Usage: node --conditions=@semibot/source scripts/measure-stream.ts [rounds]
 */
import { startSimulator } from '@semibot/stack/test'
import { Agent, request as undiciRequest } from 'undici'
import { createAiSdkProvider } from '../src/ai-sdk/index.ts'
import { createOpenAiCompatibleProvider, type LlmProvider, type LlmRequest } from '../src/index.ts'

const CHUNKS = 100
const SETTINGS = [
  { name: 'back to back, 50 streams', streams: 50, gapMs: 0, repeat: 6 },
  { name: 'one chunk each 20 ms, 100 streams', streams: 100, gapMs: 20, repeat: 1 }
]

const rounds = Number(process.argv[2] ?? 3)
const cleanUps: (() => unknown)[] = []
const scope = { teardown: (cleanUp: () => unknown) => cleanUps.push(cleanUp) }

const simulator = await startSimulator(scope, { SIMULATOR_FIRST_TOKEN_MS: '0', SIMULATOR_GAP_MS: '0' })
const { baseUrl } = simulator
const dispatcher = new Agent({ connections: null })
const own = createOpenAiCompatibleProvider({ baseUrl })
const sdk = createAiSdkProvider({ provider: 'openai-compatible', baseUrl, apiKey: 'none' })
const { signal } = new AbortController()

function question(gapMs: number): LlmRequest {
  return { model: 'simulator', messages: [{ role: 'user', content: `[[sim:length=${CHUNKS} gap=${gapMs}]] hi` }] }
}

async function unparsed(gapMs: number): Promise<void> {
  const body = JSON.stringify({ ...question(gapMs), stream: true, stream_options: { include_usage: true } })
  const answer = await undiciRequest(`${baseUrl}/chat/completions`, { method: 'POST', body, dispatcher })
  for await (const _bytes of answer.body);
}

function through(provider: LlmProvider) {
  return async (gapMs: number): Promise<void> => {
    let pieces = 0
    const onText = () => {
      pieces++
    }
    await provider.stream(question(gapMs), { onText }, { signal })
    if (pieces !== CHUNKS) throw new Error(`${pieces} of ${CHUNKS} chunks`)
  }
}

const ways = [
  { name: 'undici.request, bytes thrown away', run: unparsed },
  { name: 'createOpenAiCompatibleProvider', run: through(own) },
  { name: 'createAiSdkProvider', run: through(sdk) }
]

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

try {
  for (const { name, streams, gapMs, repeat } of SETTINGS) {
    const costs = ways.map(() => [] as number[])
    for (let round = -1; round < rounds; round++) {
      for (const [index, { run }] of ways.entries()) {
        const before = process.cpuUsage()
        for (let turn = 0; turn < repeat; turn++) {
          await Promise.all(Array.from({ length: streams }, () => run(gapMs)))
        }
        const { user, system } = process.cpuUsage(before)
        // The first round only warms up.
        if (round >= 0) costs[index]!.push((user + system) / (streams * repeat * CHUNKS))
      }
    }
    console.log(`\n${name}, ${CHUNKS} chunks each`)
    const base = median(costs[0]!)
    for (const [index, way] of ways.entries()) {
      const cost = median(costs[index]!)
      const spread = `${Math.min(...costs[index]!).toFixed(1)}-${Math.max(...costs[index]!).toFixed(1)}`
      console.log(`  ${way.name.padEnd(36)} ${cost.toFixed(2)} us/chunk (${spread})  ${(cost / base).toFixed(2)} x`)
    }
  }
} finally {
  await Promise.all([dispatcher.destroy(), own.close(), sdk.close()])
  for (const cleanUp of cleanUps) await cleanUp()
}
