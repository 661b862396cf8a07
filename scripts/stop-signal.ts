/** A signal that is aborted when this process is asked to end, or when the one that started it is gone. */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController()
  const stop = (): void => stopping.abort(new Error('interrupted'))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  process.on('disconnect', stop)
  return stopping.signal
}
