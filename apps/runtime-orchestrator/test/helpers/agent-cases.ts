import type { ChatEvent } from '@semibot/chat-protocol'
import { createTestDatabase, startSimulator, waitFor } from '@semibot/stack/test'
import type { Test } from 'tap'
import { z } from 'zod'
import { LOG } from '../../src/constants/log-messages.ts'
import { defineTool, type Tool } from '../../src/tools/tool.ts'
import { makeToolRequest, run } from './execute.ts'
import { startApp } from './start-app.ts'

/** One thing that goes wrong in an agent's run, and how the run must end all the same. */
export interface AgentCase {
  what: string
  /** After "Go". */
  say: string
  model?: string
  timeoutMs?: string
  /** How each tool call ends, in order. */
  tools?: object[]
  /** The last event. */
  end: object
  /** A part of the answer. */
  answer?: RegExp
  /** What the log says of it. */
  log: object
  /** How often the model is asked. */
  asked: number
  /** How often tools are run. */
  ran?: Record<string, number>
}

export const COMPLETED = { type: 'execution.completed' }
export const failed = (code: string, origin: string, message: RegExp) => ({
  type: 'execution.failed',
  error: { code, origin, message }
})
export const failLog = (code: string) => ({ msg: LOG.executionFailed, level: 40, code })

/** A tool that takes an optional text; by default without effects. */
export function makeTool(name: string, execute: () => Promise<unknown>, overrides: Partial<Tool> = {}): Tool {
  const tool = defineTool({
    name,
    description: 'for tests',
    source: 'builtin',
    effect: 'none',
    timeoutMs: 20_000,
    maxOutputBytes: 1_000,
    inputSchema: z.object({ text: z.string().optional() }),
    execute
  })
  return { ...tool, ...overrides }
}

/**
 * A runtime with these tools and narrow limits, and a model that does what the message says. `check` runs a case and
 * asserts everything that it says; what the tools throw or give is not to hold `secret` towards the client.
 */
export async function startAgentCases(t: Test, tools: readonly Tool[], secret?: string) {
  const simulator = await startSimulator(t, { SIMULATOR_GAP_MS: '0', SIMULATOR_FIRST_TOKEN_MS: '0' })
  const runs = new Map<string, number>()
  const counted = tools.map((tool): Tool => {
    const execute: Tool['execute'] = (...call) => {
      runs.set(tool.name, (runs.get(tool.name) ?? 0) + 1)
      return tool.execute(...call)
    }
    return { ...tool, execute }
  })
  const environment = {
    // Tools with effects need the journal.
    DATABASE_URL: await createTestDatabase(t),
    LLM_BASE_URL: simulator.baseUrl,
    LLM_MODEL: 'simulator',
    LLM_MODELS: 'simulator,simulator-dear',
    LLM_PRICES: 'simulator=0/0,simulator-dear=100/1000',
    RUNTIME_MAX_COST_USD: '0.05',
    RUNTIME_MAX_STEPS: '6',
    RUNTIME_MAX_TOOL_CALLS: '12',
    RUNTIME_MAX_TOKENS: '5000'
  }
  const { origin, log } = await startApp(t, environment, counted)
  const names = [...tools.map(({ name }) => name), 'calculator']

  async function check(t: Test, { say, model = 'simulator', timeoutMs, ...expected }: AgentCase): Promise<void> {
    const before = await simulator.stats()
    const logged = log.length
    runs.clear()
    const request = makeToolRequest(`Go ${say}`, { agent: { tools: names, model } })
    const headers = timeoutMs === undefined ? {} : { 'x-request-timeout-ms': timeoutMs }
    const events = await run(origin, request, { headers })
    t.match(events.at(-1), expected.end, JSON.stringify(events.at(-1)))
    t.equal(events.filter(({ type }) => /^execution\.(completed|failed)$/.test(type)).length, 1, 'exactly once')
    if (expected.tools !== undefined) {
      t.match(finishedOf(events), expected.tools, 'each call has its result')
      t.equal(finishedOf(events).length, expected.tools.length, 'and nothing else has')
    }
    if (expected.answer !== undefined) {
      const message = events.find(({ type }) => type === 'message.completed')
      t.match(message, { content: expected.answer })
    }
    for (const [name, times] of Object.entries(expected.ran ?? {})) t.equal(runs.get(name) ?? 0, times, `${name} ran`)
    t.match(
      log.slice(logged).find((entry) => matches(entry, expected.log)),
      { executionId: request.executionId, ...expected.log },
      'the log says so'
    )
    if (secret !== undefined) t.notMatch(JSON.stringify(events), secret, 'and what was thrown stays inside')
    await waitFor(async () => (await simulator.stats()).open === 0, {
      what: 'the model to be let go',
      timeoutMs: 20_000
    })
    t.equal(
      (await simulator.stats()).started! - before.started!,
      expected.asked,
      'the model was asked no more than needed'
    )
  }

  return { simulator, origin, log, names, check }
}

/** The results of the tool calls, in order. */
export function finishedOf(events: readonly ChatEvent[]): ChatEvent[] {
  return events.filter(({ type }) => type === 'tool.finished')
}

function matches(entry: Record<string, unknown>, wanted: object): boolean {
  return Object.entries(wanted).every(([key, value]) => typeof value === 'object' || entry[key] === value)
}
