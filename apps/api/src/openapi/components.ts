import {
  agentSchema,
  chatEventSchema,
  chatRequestSchema,
  chatResultSchema,
  errorEnvelopeSchema,
  executionSchema,
  messageSchema,
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
