import type { FinishReason } from '@semibot/chat-protocol'
import { calculator } from '../tools/calculator.ts'
import { callTool } from './call-tool.ts'
import { ExecutionError } from './execution-error.ts'
import type { RunContext } from './run-context.ts'

/** Computes the message and answers with the result: everything that an execution does, except for the model. */
export async function runProbe(run: RunContext): Promise<FinishReason> {
  const { request, signal, answer, headers } = run
  const { executionId, orgId, userId, sessionId, message } = request
  const context = { executionId, orgId, userId, sessionId, userMessage: message, toolCallId: 'probe', signal }
  const keys = { idempotencyKey: executionId, traceparent: headers.traceparent }
  const { result } = await callTool(calculator, { expression: message }, { ...context, ...keys })
  if (result.status !== 'ok') throw new ExecutionError('TOOL_FAILED', 'runtime', `The probe failed: ${result.text}`)
  answer.write(result.text)
  return 'stop'
}
