import { type ChatEvent, type PlanStep, sseEvent, type Usage } from '@semibot/chat-protocol'
import { newId } from '../new-id.ts'
import type { Face, FaceContext } from './face.ts'

/**
 * The frames that earlier clients speak: `event: message | error | done | heartbeat`, where a message
 * carries one Agent2UI item `{id, type, data, timestamp}`. There is no resume and no way to take text back.
 */
export const agent2uiFace: Face = {
  name: 'agent2ui',
  canRetract: false,
  canResume: false,
  onDisconnect: 'detach',
  heartbeatMs: 30_000,
  heartbeatFrame: sseEvent('heartbeat', 'null'),
  opening: '',
  encoder: (context) => createEncoder(context)
}

function createEncoder(context: FaceContext): (event: ChatEvent) => string {
  const tools = new Map<string, string>()
  let messageId = ''
  let mode = ''

  const item = (type: string, data: unknown, ts: number, metadata?: object) =>
    sseEvent(
      'message',
      JSON.stringify({
        id: newId(),
        type,
        data,
        timestamp: new Date(ts).toISOString(),
        ...(metadata === undefined ? {} : { metadata })
      })
    )

  const done = (usage: Usage | undefined, latencyMs: number | undefined) =>
    sseEvent(
      'done',
      JSON.stringify({
        sessionId: context.sessionId,
        messageId,
        usage: { tokens: usage?.totalTokens ?? 0, latencyMs: Math.round(latencyMs ?? 0) },
        executionMode: mode
      })
    )

  return (event) => {
    switch (event.type) {
      case 'execution.started':
        messageId = event.messageId
        mode = event.mode
        return ''
      case 'message.delta':
        return item('text', { content: event.delta }, event.ts)
      case 'reasoning.delta':
        return item('thinking', { content: event.delta, stage: 'reasoning' }, event.ts)
      case 'plan.updated':
        return item('plan', planData(event.steps), event.ts)
      case 'step.updated':
        return item('plan_step', { stepId: event.stepId, status: event.status, ...optional(event) }, event.ts)
      case 'tool.started':
        tools.set(event.toolCallId, event.name)
        return item(
          event.source === 'mcp' ? 'mcp_call' : 'tool_call',
          { toolName: event.name, arguments: event.input, status: 'calling', ...serverOf(event.serverId) },
          event.ts,
          { toolCallId: event.toolCallId }
        )
      case 'tool.finished':
        return item(
          'tool_result',
          {
            toolName: tools.get(event.toolCallId) ?? event.toolCallId,
            status: event.status === 'ok' ? 'success' : 'error',
            result: event.output ?? null,
            ...(event.error === undefined ? {} : { error: event.error.message }),
            duration: Math.round(event.durationMs)
          },
          event.ts,
          { toolCallId: event.toolCallId }
        )
      case 'execution.fallback':
        mode = event.to
        return ''
      case 'execution.completed':
        mode = event.mode
        return done(event.usage, event.latencyMs)
      case 'execution.cancelled':
        return done(event.usage, undefined)
      case 'execution.failed':
        return sseEvent('error', JSON.stringify({ code: event.error.code, message: event.error.message }))
      default:
        return ''
    }
  }
}

function planData(steps: PlanStep[]) {
  const current = steps.find((step) => step.status === 'running')
  return { steps, currentStep: current?.id ?? null }
}

function optional(event: { error?: string | undefined; durationMs?: number | undefined }) {
  return {
    ...(event.error === undefined ? {} : { error: event.error }),
    ...(event.durationMs === undefined ? {} : { durationMs: Math.round(event.durationMs) })
  }
}

function serverOf(serverId: string | undefined) {
  return serverId === undefined ? {} : { serverId }
}
