import { createExtraCallBudget } from '@semibot/breaker'
import { type Agent, findAgent, findExecution, forbidDurableRun, notifyCancel, watchCancels } from '@semibot/db'
import { createOpenAiCompatibleProvider, type LlmProvider } from '@semibot/llm'
import { createAiSdkProvider } from '@semibot/llm/ai-sdk'
import type { Drain, Tracing } from '@semibot/service-kit'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { resumeAdopted } from '../adapters/adopted-call.ts'
import { createDirectLlmAdapter } from '../adapters/direct-llm.adapter.ts'
import { listenToAdopted } from '../adapters/listen-to-adopted.ts'
import { createRuntimeAdapter } from '../adapters/runtime.adapter.ts'
import { callRuntime, type RuntimeCallOptions } from '../adapters/runtime-call.ts'
import { Orphanage } from '../chat/adopt-orphans.ts'
import { recallStory } from '../chat/adopted-story.ts'
import type { ChatCallServices } from '../chat/chat-call.ts'
import { EventMirror } from '../chat/event-mirror.ts'
import { followExecution } from '../chat/follow-execution.ts'
import { Handover } from '../chat/hand-over.ts'
import { MemoryEventLog } from '../chat/memory-event-log.ts'
import { RedisEventStore } from '../chat/redis-event-store.ts'
import { RunningExecutions } from '../chat/running-executions.ts'
import { ShadowRunner } from '../chat/shadow.ts'
import {
  AGENT_CACHE_ENTRIES,
  AGENT_CACHE_MS,
  EVENT_KEEP_MS,
  EVENT_MAX_BATCHES,
  INSTANCE_STALE_MS,
  RUN_UNOWNED_MS,
  RUNTIME_LEASE_MS,
  SHADOW_MAX_CONCURRENT
} from '../constants/config.ts'
import { LOG } from '../constants/log-messages.ts'
import type { ApiEnv } from '../env.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Everything that executing a chat needs. */
    chat: ChatCallServices
    /** Executions of api processes that died, while runtimes are at work for them. */
    orphanage: Orphanage
  }
}

/** Both ways of executing a chat, and what they share. Decorates `app.chat`. */
export const executorsPlugin = fp<{ drain: Drain; instanceId: string; tracing: Tracing }>(
  async (app, { drain, instanceId, tracing }) => {
    const { env } = app
    const llm = createLlmProvider(env)
    const { connections } = llm
    if (connections !== undefined) app.dependencyMetrics.observeHttpClient('model', connections)
    const agents = new LRUCache<string, Agent>({
      max: AGENT_CACHE_ENTRIES,
      ttl: AGENT_CACHE_MS
    })

    const runtimeCalls: RuntimeCallOptions = {
      dispatcher: app.runtimeHttp,
      serviceToken: env.RUNTIME_SERVICE_TOKEN[0] ?? '',
      timeouts: { acceptMs: env.RUNTIME_ACCEPT_TIMEOUT_MS, stallMs: env.RUNTIME_STALL_TIMEOUT_MS }
    }
    const shadow = new ShadowRunner({
      percent: () => env.CHAT_RUNTIME_SHADOW_PERCENT,
      breaker: app.breaker,
      call: (instance, execution, context) => callRuntime(runtimeCalls, instance, execution, context),
      onVerdict: (verdict) => app.chatMetrics.shadow(verdict),
      executionTimeoutMs: env.RUNTIME_EXECUTION_TIMEOUT_MS,
      maxConcurrent: SHADOW_MAX_CONCURRENT
    })
    const shared =
      app.redisPool === null
        ? null
        : new RedisEventStore({ pool: app.redisPool, keepMs: EVENT_KEEP_MS, maxBatches: EVENT_MAX_BATCHES })
    const mirror = shared === null ? null : new EventMirror(shared)
    const running = new RunningExecutions()
    const handover = new Handover({
      running,
      db: app.backgroundDb,
      mirror,
      leaseMs: RUNTIME_LEASE_MS,
      leaveAdopted: (executionId) => app.orphanage.leave(executionId)
    })

    app.decorate('chat', {
      instanceId,
      executors: {
        direct_llm: createDirectLlmAdapter(llm),
        runtime_orchestrator: createRuntimeAdapter({
          ...runtimeCalls,
          breaker: app.breaker,
          endInJournal: ({ agent, ...ids }) => forbidDurableRun(app.db, { ...ids, agent: agent.slug }),
          onResume: ({ executionId, sessionId, orgId }, from, to) =>
            app.log.info({ executionId, sessionId, orgId, from, to }, LOG.executionResumed)
        })
      },
      events: new MemoryEventLog(),
      running,
      handover,
      turns: app.turnWriter,
      metrics: app.chatMetrics,
      recent: app.recentExecutions,
      log: app.log,
      tracing,
      llmProvider: env.LLM_PROVIDER,
      cutover: app.cutover,
      breaker: app.breaker,
      extraCalls: createExtraCallBudget(),
      executionTimeoutMs: env.RUNTIME_EXECUTION_TIMEOUT_MS,
      continuation: env.LLM_CONTINUATION,
      findAgent: async (orgId, reference) => {
        const key = `${orgId}/${reference}`
        const cached = agents.get(key)
        if (cached !== undefined) return cached
        const agent = await findAgent(app.db, orgId, reference)
        if (agent !== undefined) agents.set(key, agent)
        return agent
      },
      findExecution: ({ orgId, userId }, executionId) =>
        app.reads.read((db) => findExecution(db, orgId, userId, executionId)),
      mirror,
      shadow,
      follow: async (executionId, after) => {
        if (shared === null) return undefined
        const read = (id: string, from: number) => shared.read(id, from)
        const find = (orgId: string, id: string) => findExecution(app.db, orgId, null, id)
        return followExecution({ read, find }, executionId, after)
      },
      cancelElsewhere: (executionId) => notifyCancel(app.db, executionId),
      defaultModel: env.LLM_MODEL,
      allowedModels: new Set(env.LLM_MODELS),
      historyMessages: env.CHAT_HISTORY_MESSAGES,
      admission: app.admission,
      orgConcurrency: app.orgConcurrency,
      drain
    })

    const instances = () => app.breaker.status().instances.map(({ url }) => url)
    const orphanage = new Orphanage({
      db: app.backgroundDb,
      services: app.chat,
      log: app.log,
      staleMs: INSTANCE_STALE_MS,
      leaseMs: RUNTIME_LEASE_MS,
      unownedMs: RUN_UNOWNED_MS,
      resume: (execution, call) => resumeAdopted({ ...runtimeCalls, breaker: app.breaker }, execution, call),
      listen: (execution, call, listener) => listenToAdopted({ ...runtimeCalls, instances }, execution, call, listener),
      recall: async (execution) => {
        if (shared === null || mirror === null) return undefined
        const takeOver = (id: string) => shared.takeOver(id)
        return recallStory({ takeOver, mirror, events: app.chat.events }, execution)
      }
    })
    app.decorate('orphanage', orphanage)

    const noteBroken = (error: unknown) => app.log.warn({ err: error }, LOG.cancelChannelBroken)
    const cancels = watchCancels({
      url: env.DATABASE_URL,
      applicationName: 'semibot-api-cancels',
      onCancel: (executionId) => {
        running.get(executionId)?.cancel('user')
        orphanage.cancel(executionId).catch(noteBroken)
      },
      onError: noteBroken
    })

    // The streams have ended in preClose; what runs on without a reader ends here, before the database goes.
    app.addHook('onClose', async () => {
      shadow.close()
      await orphanage.close()
      await handover.endAll()
      await mirror?.flush()
      await Promise.all([llm.close(), cancels.close()])
    })
  },
  {
    name: 'executors',
    dependencies: ['environment', 'database', 'redis', 'metrics', 'limits', 'fallback', 'monitoring']
  }
)

function createLlmProvider(env: ApiEnv): LlmProvider {
  const options = { baseUrl: env.LLM_BASE_URL, ...(env.LLM_API_KEY === undefined ? {} : { apiKey: env.LLM_API_KEY }) }
  if (env.LLM_PROVIDER === 'openai-compatible') return createOpenAiCompatibleProvider(options)
  return createAiSdkProvider({ provider: env.LLM_PROVIDER, ...options })
}
