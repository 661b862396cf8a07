import { CHAT_MODES } from '@semibot/chat-protocol'
import fp from 'fastify-plugin'
import { ADMISSION_QUEUE_LENGTH, ADMISSION_QUEUE_TIMEOUT_MS } from '../constants/config.ts'
import { type Admission, createAdmission } from '../limits/admission.ts'
import { createOrgConcurrency, type OrgConcurrency } from '../limits/org-concurrency.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Door of the process: CHAT_MAX_IN_FLIGHT chats, and a short queue. */
    admission: Admission
    /** Door of one organisation: ORG_MAX_CONCURRENT chats. */
    orgConcurrency: OrgConcurrency
  }
}

/** Decorates `app.admission` and `app.orgConcurrency`. */
export const limitsPlugin = fp(
  async (app) => {
    const admission = createAdmission({
      maxInFlight: app.env.CHAT_MAX_IN_FLIGHT,
      queueLength: ADMISSION_QUEUE_LENGTH,
      queueTimeoutMs: ADMISSION_QUEUE_TIMEOUT_MS,
      onShed: (reason) => app.chatMetrics.shed(reason)
    })
    for (const mode of CHAT_MODES) app.chatMetrics.setInFlightLimit(mode, app.env.CHAT_MAX_IN_FLIGHT)
    app.decorate('admission', admission)
    app.decorate('orgConcurrency', createOrgConcurrency(app.env.ORG_MAX_CONCURRENT))
  },
  { name: 'limits', dependencies: ['environment', 'metrics'] }
)
