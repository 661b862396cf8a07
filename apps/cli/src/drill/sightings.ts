import type { FallbackStatusBody, RuntimeMetrics } from '@semibot/chat-protocol'
import type { AlertNotice } from './alert-inbox.ts'
import { total } from './load.ts'
import type { Sighting } from './scenario.ts'

const ARRIVED = 'the notification has arrived'

/** The notification of the alert arrives. */
export function alertFires(name: string, withinMs: number): Sighting {
  return {
    view: 'alert',
    what: `${name} fires`,
    withinMs,
    look: ({ alerting }, since) => {
      const notices = alerting?.inbox.notices ?? []
      return notices.some((notice) => isAbout(notice, name, 'firing', since)) ? ARRIVED : undefined
    }
  }
}

/** The notification that the alert is over arrives, and no other comes after it. */
export function alertResolves(name: string, withinMs: number): Sighting {
  return {
    view: 'alert',
    what: `${name} resolves`,
    withinMs,
    look: ({ alerting }, since) => {
      const last = alerting?.inbox.notices.findLast((notice) => notice.name === name)
      return last !== undefined && isAbout(last, name, 'resolved', since) ? ARRIVED : undefined
    }
  }
}

/** The api logs such a text at least so many times; `what` says it in words where the pattern cannot be read. */
export function logged(pattern: RegExp, withinMs: number, { atLeast = 1, what = inWords(pattern) } = {}): Sighting {
  return {
    view: 'log',
    what: `${what}${atLeast === 1 ? '' : ` (${atLeast} times)`}`,
    withinMs,
    look: ({ apiLog }, since) => {
      const lines = apiLog.find(pattern, since)
      return lines.length >= atLeast ? lines[0]?.text : undefined
    }
  }
}

/** GET /api/v1/runtime/fallback/status is as the condition says. */
export function statusShows(
  what: string,
  withinMs: number,
  condition: (status: FallbackStatusBody) => boolean
): Sighting {
  return {
    view: 'endpoint',
    what: `fallback/status: ${what}`,
    withinMs,
    look: async ({ api }) => {
      const status = await api.status()
      if (!condition(status)) return undefined
      return `state ${status.state}${status.fallbackReason === '' ? '' : `, ${status.fallbackReason}`}`
    }
  }
}

/** GET /api/v1/runtime/metrics is as the condition says; it gives the evidence. */
export function metricsShow(
  what: string,
  withinMs: number,
  condition: (metrics: RuntimeMetrics) => string | undefined
): Sighting {
  return {
    view: 'endpoint',
    what: `runtime/metrics: ${what}`,
    withinMs,
    look: async ({ api }) => condition(await api.metrics())
  }
}

/** GET /ready of the api answers 200 and shows the dependency in this state. */
export function readyShows(dependency: string, state: string, withinMs: number): Sighting {
  return {
    view: 'endpoint',
    what: `/ready stays 200, ${dependency} is ${state}`,
    withinMs,
    look: async ({ stack }) => {
      const response = await fetch(`${stack.urls.api[0]}/ready`, { signal: AbortSignal.timeout(5000) })
      const body = (await response.json()) as { dependencies: Record<string, { state: string; detail?: string }> }
      const found = body.dependencies[dependency]
      if (response.status !== 200 || found?.state !== state) return undefined
      return `${dependency} is ${found.state}${found.detail === undefined ? '' : `: ${found.detail}`}`
    }
  }
}

/** Chats that begin after the act are answered by the mode, or by any. */
export function chatsAnswered(mode: string | undefined, withinMs: number): Sighting {
  let before: number | undefined
  return {
    view: 'chats',
    what: mode === undefined ? 'are answered' : `are answered by ${mode}`,
    withinMs,
    look: ({ chats }) => {
      const answered = mode === undefined ? total(chats.answered) : (chats.answered[mode] ?? 0)
      before ??= answered
      return answered - before >= 5 ? `${answered - before} answers` : undefined
    }
  }
}

/** Chats fail in this way. */
export function chatsRefused(failure: string, withinMs: number): Sighting {
  return {
    view: 'chats',
    what: `are refused with ${failure}`,
    withinMs,
    look: ({ chats }) => {
      const count = chats.failed[failure] ?? 0
      return count > 0 ? `${count} refusals` : undefined
    }
  }
}

/** The text that a pattern stands for, as an operator would type it behind grep. */
function inWords(pattern: RegExp): string {
  return pattern.source.replaceAll(/^\^|\$$|\\(?=[[\]()])/g, '').trim()
}

function isAbout(notice: AlertNotice, name: string, state: string, since: number): boolean {
  return notice.name === name && notice.state === state && notice.at >= since
}
