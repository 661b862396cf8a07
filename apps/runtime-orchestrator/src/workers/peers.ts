import type { FastifyReply, FastifyRequest } from 'fastify'

/** The other workers of this runtime, for calls that are about an execution of theirs. */
export interface Peers {
  /** The port at which the worker that has this execution takes calls; null when it is unknown or this one. */
  find(executionId: string): Promise<number | null>
  /**
   * Has the worker at this port answer a call, and passes its answer on as it comes.
   * @throws RequestError when it cannot be reached, before anything was answered
   */
  forward(request: FastifyRequest, reply: FastifyReply, port: number): Promise<void>
  /** The call came from another worker: it is answered here, whatever the answer. */
  isForwarded(request: FastifyRequest): boolean
}
