import type { ToolEffect, Usage } from '@semibot/chat-protocol'
import {
  agentCallAttributes,
  errorTypeOf,
  modelCallAttributes,
  modelResultAttributes,
  type Span,
  type Tracing,
  toolCallAttributes
} from '@semibot/service-kit'
import type { StepRunner } from '../engine/durability.ts'
import { Stop } from '../engine/stop.ts'
import type { RunContext } from './run-context.ts'
import type { RunStep } from './step.ts'

/**
 * The same work with a span for the agent's run, under it one for each turn of the loop, and under those one for
 * each model call and each tool call that is really made; steps whose results were recorded have none. `provider`
 * is LLM_PROVIDER.
 */
export function traceRuns(tracing: Tracing, provider: string, work: StepRunner): StepRunner {
  if (!tracing.enabled) return work
  return async (run, runStep) => {
    const { request, headers } = run
    const { agent, sessionId, executionId } = request
    const call = { agentId: agent.id, agentName: agent.slug, model: agent.model, sessionId, executionId }
    const attributes = agentCallAttributes(call)
    const span = tracing.start(`invoke_agent ${agent.slug}`, headers.traceparent, { attributes })
    const spans = new RunSpans(tracing, provider, run, span)
    try {
      const finishReason =
        agent.tools.length === 0
          ? await spans.modelCall(span, () => work(run, runStep))
          : await work(run, spans.watch(runStep))
      span.set(modelResultAttributes(run.budget.usage, finishReason))
      return finishReason
    } catch (error) {
      span.fail(typeOf(error))
      throw error
    } finally {
      spans.end()
      span.end()
    }
  }
}

class RunSpans {
  readonly #tracing: Tracing
  readonly #provider: string
  readonly #run: RunContext
  readonly #agent: Span
  /** The turn of the loop that is under way. */
  #turn: Span | undefined

  constructor(tracing: Tracing, provider: string, run: RunContext, agent: Span) {
    this.#tracing = tracing
    this.#provider = provider
    this.#run = run
    this.#agent = agent
  }

  /** Steps are named `llm:<turn>` and `tool:<id>:<tool>`. */
  watch(runStep: RunStep): RunStep {
    return (name, effect, step) =>
      runStep(name, effect, (attempt) => {
        if (!name.startsWith('llm:'))
          return this.#toolCall(name.slice('tool:'.length), effect, (traceparent) => step({ ...attempt, traceparent }))
        return this.modelCall(this.#beginTurn(Number(name.slice('llm:'.length))), () => step(attempt))
      })
  }

  /** The model server is told this span: the model calls of one run come one after the other. */
  async modelCall<T>(parent: Span, call: () => Promise<T>): Promise<T> {
    const { request, headers } = this.#run
    const { model } = request.agent
    const attributes = modelCallAttributes({ provider: this.#provider, model })
    const span = this.#tracing.start(`chat ${model}`, parent.traceparent, { kind: 'client', attributes })
    const { traceparent } = headers
    headers.traceparent = span.traceparent
    try {
      const result = await call()
      const { usage, finishReason } = (result ?? {}) as { usage?: Usage; finishReason?: string }
      // A run without tools is one call, and says only how it ended.
      span.set(modelResultAttributes(usage ?? this.#run.budget.usage, finishReason ?? String(result)))
      return result
    } catch (error) {
      span.fail(typeOf(error))
      throw error
    } finally {
      headers.traceparent = traceparent
      span.end()
    }
  }

  end(): void {
    this.#turn?.end()
  }

  #beginTurn(number: number): Span {
    this.#turn?.end()
    const attributes = { 'semibot.step': number + 1 }
    this.#turn = this.#tracing.start(`step ${number + 1}`, this.#agent.traceparent, { attributes })
    return this.#turn
  }

  async #toolCall<T>(call: string, effect: ToolEffect, work: (traceparent: string) => Promise<T>): Promise<T> {
    const at = call.lastIndexOf(':')
    const name = call.slice(at + 1)
    const attributes = toolCallAttributes({ id: call.slice(0, at), name, effect })
    const parent = this.#turn ?? this.#agent
    const span = this.#tracing.start(`execute_tool ${name}`, parent.traceparent, { attributes })
    try {
      const result = await work(span.traceparent)
      const { status, error } = (result ?? {}) as { status?: string; error?: { code: string } }
      span.set({ 'semibot.tool.status': status })
      if (error !== undefined) span.fail(error.code)
      return result
    } catch (error) {
      span.fail(typeOf(error))
      throw error
    } finally {
      span.end()
    }
  }
}

/** `error.type` of what ended a run before its answer. */
function typeOf(error: unknown): string {
  return error instanceof Stop ? error.why.kind : errorTypeOf(error)
}
