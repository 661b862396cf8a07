import {
  agentSchema,
  chatEventSchema,
  chatRequestSchema,
  chatResultSchema,
  errorEnvelopeSchema,
  executionSchema,
  fallbackEventSchema,
  fallbackForceSchema,
  fallbackOrderedSchema,
  fallbackStatusSchema,
  fallbackWindowSchema,
  liveModeMetricsSchema,
  messageSchema,
  modeExplanationSchema,
  modeMetricsSchema,
  orgRuntimeMetricsSchema,
  runtimeInstanceSchema,
  runtimeMetricsSchema,
  sessionSchema,
  usageSchema
} from '@semibot/chat-protocol'
import { z } from 'zod'

/** Schemas that the document names and refers to, instead of repeating them. */
export const components = z.registry<{ id: string }>()

components.add(chatEventSchema, { id: 'ChatEvent' })
components.add(chatRequestSchema, { id: 'ChatRequest' })
components.add(chatResultSchema, { id: 'ChatResult' })
components.add(executionSchema, { id: 'Execution' })
components.add(sessionSchema, { id: 'Session' })
components.add(messageSchema, { id: 'Message' })
components.add(agentSchema, { id: 'Agent' })
components.add(usageSchema, { id: 'Usage' })
components.add(errorEnvelopeSchema, { id: 'Error' })

components.add(modeMetricsSchema, { id: 'ModeMetrics' })
components.add(liveModeMetricsSchema, { id: 'LiveModeMetrics' })
components.add(runtimeMetricsSchema, { id: 'RuntimeMetrics' })
components.add(orgRuntimeMetricsSchema, { id: 'OrganizationMetrics' })
components.add(runtimeInstanceSchema, { id: 'RuntimeInstance' })
components.add(fallbackWindowSchema, { id: 'FallbackWindow' })
components.add(fallbackStatusSchema, { id: 'FallbackStatus' })
components.add(fallbackOrderedSchema, { id: 'FallbackOrdered' })
components.add(fallbackForceSchema, { id: 'FallbackForce' })
components.add(fallbackEventSchema, { id: 'FallbackEvent' })
components.add(modeExplanationSchema, { id: 'ModeExplanation' })
