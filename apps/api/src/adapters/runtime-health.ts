import type { Dispatcher } from 'undici'

/** What the last health check of one instance said. */
export interface HealthEntry {
  healthy: boolean
  /** Why not; `''` when healthy. */
  detail: string
  checkedAt: number
  latencyMs: number
}

export interface RuntimeHealthOptions {
  dispatcher: Dispatcher
  instances: () => readonly string[]
  /** While false nothing is asked. */
  mayAsk: () => boolean
  onResult: (instance: string, entry: HealthEntry) => void
  intervalMs: number
  timeoutMs: number
}

/**
 * Asks every runtime instance for its health in the background, so that no chat ever waits for it. What it
 * heard last is in `healthCheckCache`.
 */
export class RuntimeHealthPoller {
  readonly healthCheckCache = new Map<string, HealthEntry>()
  readonly #options: RuntimeHealthOptions
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: RuntimeHealthOptions) {
    this.#options = options
  }

  start(): void {
    const run = async () => {
      await this.pollOnce()
      if (!this.#stopped) this.#timer = setTimeout(run, this.#options.intervalMs)
    }
    void run()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  /** One round over all instances at the same time. Never rejects. */
  async pollOnce(): Promise<void> {
    const { instances, mayAsk } = this.#options
    const current = instances()
    for (const known of this.healthCheckCache.keys()) if (!current.includes(known)) this.healthCheckCache.delete(known)
    if (mayAsk()) await Promise.all(current.map((instance) => this.#ask(instance)))
  }

  async #ask(instance: string): Promise<void> {
    const { dispatcher, timeoutMs, onResult } = this.#options
    const startedAt = performance.now()
    const detail = await this.#problemOf(dispatcher, instance, timeoutMs)
    if (this.#stopped) return
    const entry: HealthEntry = {
      healthy: detail === '',
      detail,
      checkedAt: Date.now(),
      latencyMs: performance.now() - startedAt
    }
    this.healthCheckCache.set(instance, entry)
    onResult(instance, entry)
  }

  async #problemOf(dispatcher: Dispatcher, instance: string, timeoutMs: number): Promise<string> {
    try {
      const { statusCode, body } = await dispatcher.request({
        origin: new URL(instance).origin,
        path: '/health',
        method: 'GET',
        signal: AbortSignal.timeout(timeoutMs)
      })
      await body.dump()
      return statusCode === 200 ? '' : `answered ${statusCode}`
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`
      const code = codeOf(error)
      return CERTIFICATE.test(code) ? `certificate not trusted (${code})` : 'not reachable'
    }
  }
}

/** What OpenSSL and Node.js call an error of a certificate. */
const CERTIFICATE = /CERT|^UNABLE_TO_|ALTNAME|^ERR_TLS/

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
