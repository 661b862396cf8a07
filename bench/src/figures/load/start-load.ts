import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { REPOSITORY_ROOT, SOURCE_FLAGS } from '@semibot/stack'
import type { ChatLoad, ChatRecord } from './chat-load.ts'

/** A load that runs in a process of its own. */
export interface RunningLoad {
  /** A record of each chat, in the order in which they were sent. */
  records: Promise<ChatRecord[]>
}

/** Starts a load. It ends by itself; one that takes far longer than it should is killed, and `records` rejects. */
export function startLoad(load: ChatLoad): RunningLoad {
  const records = new Promise<ChatRecord[]>((resolve, reject) => {
    const child = spawn(process.execPath, [...SOURCE_FLAGS, join(REPOSITORY_ROOT, 'bench/src/figures/load/load.ts')], {
      env: { PATH: process.env.PATH, LOAD: JSON.stringify(load) },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: load.rampMs + (load.chats / load.rate) * 1000 + 2 * load.timeoutMs + 10_000
    })
    const pieces: Buffer[] = []
    child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(Buffer.concat(pieces).toString()) as ChatRecord[])
      else reject(new Error(`the load ended with ${signal ?? code}`))
    })
  })
  records.catch(() => {})
  return { records }
}
