import type { ExecuteRequest, FinishReason } from '@semibot/chat-protocol'
import type { LlmRequest, LlmSink } from '@semibot/llm'
import type { RuntimeMetrics } from '@semibot/metrics'
import { MODEL_FIRST_BYTE_TIMEOUT_MS, MODEL_IDLE_TIMEOUT_MS } from '../constants/config.ts'
import { conversation } from './conversation.ts'
import { refuseEmptyAnswer } from './empty-answer.ts'
import type { ModelAccess } from './model-access.ts'
import type { RunContext } from './run-context.ts'

/** Runs an agent without tools: one model call, its text handed on piece by piece. */
export async function runPlain(run: RunContext, models: ModelAccess, metrics: RuntimeMetrics): Promise<FinishReason> {
  const { request, answer, budget, signal, flow, headers } = run
  budget.spendStep()
  const started = performance.now()
  run.modelSilentSince = started
  const sink: LlmSink = {
    onText: (delta) => {
      run.modelSilentSince = undefined
      budget.spendPiece()
      answer.write(delta)
    },
    onReasoning: (delta) => {
      run.modelSilentSince = undefined
      budget.spendPiece()
      answer.reason(delta)
    }
  }
  const timeouts = { firstByteTimeoutMs: MODEL_FIRST_BYTE_TIMEOUT_MS, idleTimeoutMs: MODEL_IDLE_TIMEOUT_MS }
  try {
    const result = await models.provider.stream(toLlmRequest(request), sink, { signal, flow, headers, ...timeouts })
    refuseEmptyAnswer({ ...result, text: answer.text }, budget)
    models.succeeded()
    budget.addUsage(result.usage)
    run.emit({ type: 'usage.updated', ...budget.usage })
    return result.finishReason
  } catch (error) {
    models.failed(error)
    throw error
  } finally {
    run.modelSilentSince = undefined
    metrics.step('llm', (performance.now() - started) / 1000)
  }
}

function toLlmRequest(request: ExecuteRequest): LlmRequest {
  const { agent, userId } = request
  return {
    model: agent.model,
    messages: conversation(request),
    ...(agent.temperature === undefined ? {} : { temperature: agent.temperature }),
    ...(agent.maxTokens === undefined ? {} : { maxTokens: agent.maxTokens }),
    ...(userId === null ? {} : { endUser: userId })
  }
}
