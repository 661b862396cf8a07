import type { ErrorCode } from '@semibot/chat-protocol'
import type { FastifyBaseLogger } from 'fastify'
import type { HealthEntry } from '../adapters/runtime-health.ts'
import { LOG } from '../constants/log-messages.ts'

/**
 * Writes 健康检查失败 when an instance becomes unhealthy, and again once per `repeatMs` while it stays so: the
 * runbook looks for the line, and a line per check would bury the log.
 */
export function createHealthLog(log: FastifyBaseLogger, repeatMs: number) {
  const lastLine = new Map<string, number>()
  return (instance: string, entry: HealthEntry): void => {
    if (entry.healthy) {
      if (lastLine.delete(instance)) log.info({ instance }, LOG.healthRecovered)
      return
    }
    const last = lastLine.get(instance)
    if (last !== undefined && entry.checkedAt - last < repeatMs) return
    lastLine.set(instance, entry.checkedAt)
    log.warn({ instance, detail: entry.detail }, LOG.healthFailed(codeOf(entry.detail)))
  }
}

function codeOf(detail: string): ErrorCode {
  if (detail.startsWith('no answer')) return 'RUNTIME_STALLED'
  return detail.startsWith('answered') ? 'RUNTIME_INTERNAL' : 'RUNTIME_UNAVAILABLE'
}
