import type { Socket } from 'node:net'
import type { ChatLoad, ChatRecord } from './chat-load.ts'
import { runChat } from './chat-stream.ts'

/** Sends chats at the given rate whether or not earlier ones have ended (an open loop), and waits for all of them. */
export async function runLoad(load: ChatLoad): Promise<ChatRecord[]> {
  const apis = load.apis.map((url) => ({ api: new URL(url), idle: [] as Socket[] }))
  const { apiKey, timeoutMs } = load
  const running: Promise<ChatRecord>[] = []
  const startedAt = performance.now()
  await new Promise<void>((resolve) => {
    const tick = () => {
      const due = Math.min(load.chats, dueChats(performance.now() - startedAt, load))
      while (running.length < due) {
        const place = apis[running.length % apis.length]!
        const message = load.messages[running.length % load.messages.length]!
        running.push(runChat({ ...place, apiKey, message, timeoutMs }))
      }
      if (running.length < load.chats) setTimeout(tick, 1)
      else resolve()
    }
    tick()
  })
  const records = await Promise.all(running)
  for (const { idle } of apis) for (const socket of idle) socket.destroy()
  return records
}

/** Chats that should have been sent by now: the rate grows evenly during the ramp. */
export function dueChats(elapsedMs: number, { rate, rampMs }: Pick<ChatLoad, 'rate' | 'rampMs'>): number {
  const inRamp = Math.min(elapsedMs, rampMs)
  const ramped = rampMs === 0 ? 0 : (inRamp * inRamp) / (2 * rampMs)
  return Math.floor((rate * (ramped + elapsedMs - inRamp)) / 1000) + 1
}
