import type { Worker } from 'node:cluster'

/** What node:cluster sends to a worker with a connection, and what comes back. */
interface ClusterMessage {
  act?: string
  seq?: number
  ack?: number
}

/** A connection, as node:cluster holds it until the worker has taken it. */
interface ConnectionHandle {
  close(): void
}

/**
 * Closes the connection that a worker was given and had not taken when it died. node:cluster never does: its caller
 * would wait for an answer as long as it has patience, and the descriptor would be lost.
 */
export function closeLostConnections(worker: Worker): void {
  const { process } = worker
  // One at a time: the next is given when this one is taken, or refused and given to another worker.
  let given: { seq: number | undefined; handle: ConnectionHandle } | undefined
  const send = process.send.bind(process) as (...words: unknown[]) => boolean
  process.send = (message: ClusterMessage, handle?: unknown, ...rest: unknown[]): boolean => {
    if (message.act === 'newconn') given = { seq: message.seq, handle: handle as ConnectionHandle }
    return send(message, handle, ...rest)
  }
  process.on('internalMessage', ({ ack }: ClusterMessage) => {
    if (given !== undefined && ack === given.seq) given = undefined
  })
  worker.once('exit', () => given?.handle.close())
}
