import { HEADERS } from '@semibot/chat-protocol'
import type { Dispatcher } from 'undici'

/** Tries the whole path to an instance but for the model: `POST /internal/probe`. Rejects when it does not work. */
export function createRuntimeProbe(dispatcher: Dispatcher, serviceToken: string) {
  return async (instance: string, signal: AbortSignal): Promise<void> => {
    const { statusCode, body } = await dispatcher.request({
      origin: new URL(instance).origin,
      path: '/internal/probe',
      method: 'POST',
      headers: { authorization: `Bearer ${serviceToken}`, [HEADERS.requestTimeoutMs]: '2000' },
      signal
    })
    await body.dump()
    if (statusCode !== 200) throw new Error(`the probe was answered with ${statusCode}`)
  }
}
