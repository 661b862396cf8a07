/** Work that is done again and again, never twice at a time. */
export interface Repetition {
  /** Does it at once, then after each interval. */
  begin(): void
  /** Resolves when the work under way has ended. */
  current(): Promise<void>
  /** No further work; resolves when the work under way has ended. */
  stop(): Promise<void>
}

/** Repeats the work `intervalMs` after its end. What it throws goes to `onError`, and it is tried again. */
export function repeat(intervalMs: number, work: () => Promise<void>, onError: (error: unknown) => void): Repetition {
  let timer: NodeJS.Timeout | undefined
  let running = false
  let current: Promise<void> = Promise.resolve()
  const run = () => {
    current = work()
      .catch(onError)
      .then(() => {
        if (running) timer = setTimeout(run, intervalMs)
      })
  }
  return {
    begin() {
      running = true
      run()
    },
    current: () => current,
    async stop() {
      running = false
      clearTimeout(timer)
      await current
    }
  }
}
