import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, REPOSITORY_ROOT, type RunningProcess, SOURCE_FLAGS, startProcess } from '@semibot/stack'
import { bareEnvironment } from '@semibot/stack/test'
import type { Test } from 'tap'
import { startPair } from './start-pair.ts'

/** What a tool of the runtimes did; see the effect tools among the runtime's test fixtures. */
export interface EffectLine {
  phase: 'begun' | 'effect' | 'kill'
  tool: string
  key: string
  executionId: string
  text: string
  pid: number
  at: number
}

export interface EffectRuntime extends RunningProcess {
  port: number
  baseUrl: string
}

const ENTRY = 'apps/runtime-orchestrator/test/fixtures/effects/server.ts'

/**
 * An api before real runtimes whose tools write down what they do, and an organisation with an agent that has them.
 * The runtimes are started again on their ports by `restart`.
 */
export async function startDurable(
  t: Test,
  options: { runtimes?: number; runtimeEnv?: Record<string, string>; apiEnv?: Record<string, string> } = {}
) {
  const folder = mkdtempSync(join(tmpdir(), 'semibot-effects-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'effects')
  const ports = await Promise.all(Array.from({ length: options.runtimes ?? 2 }, () => freePort()))
  const urls = ports.map((port) => `http://127.0.0.1:${port}`)
  const runtimes: EffectRuntime[] = []
  let runtimeEnv: NodeJS.ProcessEnv = {}
  const start = async (index: number): Promise<EffectRuntime> => {
    const port = ports[index]!
    const running = await startProcess({
      name: `runtime-${index}`,
      command: process.execPath,
      args: [...SOURCE_FLAGS, ENTRY],
      cwd: REPOSITORY_ROOT,
      env: { ...runtimeEnv, RUNTIME_PORT: String(port) },
      ready: { url: `${urls[index]}/health` },
      readyTimeoutMs: 60_000,
      stopTimeoutMs: 40_000
    })
    t.teardown(() => running.stop())
    return Object.assign(running, { port, baseUrl: urls[index]! })
  }
  const pair = await startPair(t, {
    runtimes: 0,
    apiEnv: { RUNTIME_SERVICE_URL: urls.join(','), ...options.apiEnv },
    startOthers: async (env) => {
      runtimeEnv = { ...bareEnvironment(), ...env, NODE_ENV: 'test', EFFECTS_FILE: file, ...options.runtimeEnv }
      runtimes.push(...(await Promise.all(ports.map((_, index) => start(index)))))
    }
  })
  const { call, inRuntime } = pair
  const agent = { slug: 'worker', name: 'Worker', tools: ['effect_none', 'effect_idempotent', 'effect_unsafe'] }
  const headers = inRuntime.admin.headers
  const created = await call(inRuntime, 'POST', '/agents', agent, headers)
  if (created.status !== 201) throw new Error(`the agent was refused: ${JSON.stringify(created.body)}`)

  return {
    ...pair,
    runtimes,
    restart: async (index: number) => {
      runtimes[index] = await start(index)
    },
    effects: (): EffectLine[] => {
      try {
        const lines = readFileSync(file, 'utf8').split('\n')
        return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as EffectLine)
      } catch {
        return []
      }
    },
    /** A chat of so many steps, each of which calls this tool. */
    work: (tool: string, steps: number, input: object = {}, more = '') => {
      const text = JSON.stringify({ text: '$round', ...input })
      return { agentId: 'worker', message: `Do it. [[sim:steps=${steps} ${more}]][[sim:call=${tool} ${text}]]` }
    }
  }
}
