import { rmSync } from 'node:fs'
import { createAgent, createDatabase, type DatabaseHandle } from '@semibot/db'
import { freePort, readMetrics, sumOf, waitFor } from '@semibot/stack'
import type { Base, Service } from '../base.ts'
import { EFFECTS_ENTRY, type EffectLine, effectsFile, readEffects } from './effects.ts'
import { type RunningChat, runToolChat, type Speech } from './tool-chat.ts'

/** An api before runtimes whose tools write down what they do. */
export interface Scene {
  api: Service
  runtimes: Service[]
  database: DatabaseHandle
  effects(): EffectLine[]
  /** Begins a chat of so many steps, each of which calls the tool with this input. */
  work(options: WorkOptions): RunningChat
  /** Starts a runtime on the port of the one of this number; waits until the api knows it. */
  restart(index: number): Promise<void>
  /** Sum of a metric of the api. */
  metric(name: string): Promise<number>
  stop(): Promise<void>
}

export interface WorkOptions extends Partial<Speech> {
  tool: string
  steps: number
  input?: object
  /** Words that each model call says before it calls a tool. */
  words?: number
}

const AGENT = 'figures-worker'

let scenes = 0

/** Starts `count` runtimes and an api, whose runs are of an agent with tools of every effect. */
export async function startScene(
  base: Base,
  count: number,
  options: { runtimeEnv?: (index: number) => Record<string, string>; apiEnv?: Record<string, string> } = {}
): Promise<Scene> {
  const file = effectsFile()
  scenes++
  const database = createDatabase({
    url: base.databaseUrl,
    max: 4,
    applicationName: 'semibot-figures',
    connectionTimeoutMs: 30_000
  })
  const ports = await Promise.all(Array.from({ length: count }, () => freePort()))
  const start = (index: number) =>
    base.startRuntime(
      { RUNTIME_PORT: String(ports[index]), EFFECTS_FILE: file, ...options.runtimeEnv?.(index) },
      EFFECTS_ENTRY
    )
  const runtimes = await Promise.all(ports.map((_, index) => start(index)))
  const { id: orgId, apiKey } = base.runtimeOrg
  await createAgent(database.db, orgId, {
    slug: `${AGENT}-${scenes}`,
    name: 'Worker',
    systemPrompt: '',
    model: null,
    temperature: null,
    maxTokens: null,
    tools: ['effect_none', 'effect_idempotent', 'effect_unsafe']
  })
  const agentId = `${AGENT}-${scenes}`
  const api = await base.startApi({
    RUNTIME_SERVICE_URL: ports.map((port) => `http://127.0.0.1:${port}`).join(','),
    ...options.apiEnv
  })
  const metric = async (name: string) => sumOf([await readMetrics(api.url)], name)
  const allUp = () =>
    waitFor(async () => (await metric('chat_runtime_instance_up')) === count, {
      what: 'every runtime instance',
      timeoutMs: 30_000
    })
  await allUp()
  return {
    api,
    runtimes,
    database,
    metric,
    effects: () => readEffects(file),
    work: ({ tool, steps, input = {}, words = 0 }) => {
      const call = JSON.stringify({ text: '$round', ...input })
      const talk = words === 0 ? '' : ` talk=${words}`
      const message = `Do it. [[sim:steps=${steps} vary${talk}]][[sim:call=${tool} ${call}]]`
      return runToolChat(api.url, apiKey, { message, agentId }, { talks: words === 0 ? 0 : steps })
    },
    restart: async (index) => {
      runtimes[index] = await start(index)
      await allUp()
    },
    stop: async () => {
      await api.stop()
      await Promise.all(runtimes.map((runtime) => runtime.stop()))
      await database.close()
      rmSync(file, { force: true })
    }
  }
}
