import { Registry } from '@prometheus-io/client'
import type { ChatEventBody } from '@semibot/chat-protocol'
import { createOpenAiCompatibleProvider } from '@semibot/llm'
import { createLanguageModel, errorOfAiSdk } from '@semibot/llm/ai-sdk'
import { createRuntimeMetrics } from '@semibot/metrics'
import { Answer } from '../../src/agent/answer.ts'
import { createModelAccess } from '../../src/agent/model-access.ts'
import { type AgentParts, runAgent } from '../../src/agent/run-agent.ts'
import type { RunContext } from '../../src/agent/run-context.ts'
import { runPlain } from '../../src/agent/run-plain.ts'
import { inlineSteps, type RunStep } from '../../src/agent/step.ts'
import { type BudgetLimits, StepBudget } from '../../src/agent/step-budget.ts'
import { NEVER_CONGESTED } from '../../src/engine/attendance.ts'
import type { Tool } from '../../src/tools/tool.ts'
import { makeRequest } from './execute.ts'

const LIMITS: BudgetLimits = {
  maxSteps: 5,
  maxToolCalls: 10,
  maxTokens: 100_000,
  maxCostUsd: undefined,
  prices: []
}

export interface AgentRun {
  baseUrl: string
  message: string
  tools: Tool[]
  signal?: AbortSignal
  runStep?: RunStep
  flow?: RunContext['flow']
  limits?: Partial<BudgetLimits>
  approve?: AgentParts['approve']
}

/** Runs an agent alone, without engine, against a real model server: the loop when it has tools. */
export function prepareAgent({ baseUrl, message, tools, signal, runStep, flow, limits, approve }: AgentRun) {
  const events: ChatEventBody[] = []
  const observed: string[] = []
  const emit = (event: ChatEventBody) => void events.push(event)
  const request = makeRequest(message)
  const run: RunContext = {
    request,
    signal: signal ?? new AbortController().signal,
    flow: flow ?? NEVER_CONGESTED,
    headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    budget: new StepBudget({ ...LIMITS, ...limits }, 'simulator'),
    answer: new Answer(request.messageId, emit),
    emit,
    modelSilentSince: undefined
  }
  const model = {
    languageModel: createLanguageModel({ provider: 'openai-compatible', baseUrl, model: 'simulator' }),
    explain: (error: unknown) => errorOfAiSdk(error, undefined)
  }
  const observer: AgentParts['observer'] = {
    planStepFinished: () => undefined,
    modelCallFinished: (_seconds, error) => observed.push(error === undefined ? 'model' : 'model failed'),
    toolCallStarted: (_run, { id, name }) => observed.push(`${name} ${id}`),
    toolCallFinished: (_run, { name }, { status }) => observed.push(`${name} ${status}`),
    toolCallStopped: (_run, { name }) => observed.push(`${name} stopped`)
  }
  const parts: AgentParts = {
    model,
    tools: new Map(tools.map((tool) => [tool.name, tool])),
    runStep: runStep ?? inlineSteps(run.signal),
    observer,
    ...(approve === undefined ? {} : { approve })
  }
  const provider = createOpenAiCompatibleProvider({ baseUrl })
  const models = createModelAccess({ provider, agentModel: () => model })
  const metrics = createRuntimeMetrics(new Registry())
  const start = () => (tools.length > 0 ? runAgent(run, parts) : runPlain(run, models, metrics))
  return { run, events, observed, start }
}
