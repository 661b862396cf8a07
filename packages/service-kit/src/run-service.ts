import type { FastifyInstance } from 'fastify'
import type { ServiceLogger } from './logger.ts'

export interface ListenOptions {
  host: string
  port: number
  /** Environment keys that set them, for the message when the address cannot be used. */
  hostKey: string
  portKey: string
}

export interface RunServiceOptions {
  app: Pick<FastifyInstance, 'listen' | 'close' | 'ready'>
  logger: ServiceLogger
  listen: ListenOptions
  /** Runs before the server listens; a rejection ends the process with code 1. */
  start?: () => Promise<void>
  /** Runs on SIGHUP after the log file was opened again. */
  onSighup?: () => void | Promise<void>
  /** Longest shutdown, milliseconds; after it the process exits with 1. */
  graceMs: number
}

export async function runService(_options: RunServiceOptions): Promise<void> {
  throw new Error('being written')
}
