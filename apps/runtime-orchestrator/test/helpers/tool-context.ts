import type { ToolContext } from '../../src/tools/tool.ts'

/** A context of nobody in particular. */
export function toolContext(overrides: Partial<ToolContext> = {}): ToolContext {
  return {
    executionId: '019ab000-0000-7000-8000-000000000001',
    toolCallId: 'call_1',
    orgId: '019ab000-0000-7000-8000-000000000002',
    userId: null,
    sessionId: '019ab000-0000-7000-8000-000000000003',
    userMessage: 'a question',
    idempotencyKey: '019ab000-0000-7000-8000-000000000001:call_1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    signal: new AbortController().signal,
    ...overrides
  }
}
