import { connect } from 'node:net'
import { ask, type Service } from '../base.ts'

export interface CancelOptions {
  api: Service
  apiKey: string
  chats: number
  /** Chats under way at the same time. */
  atOnce: number
}

/** Begins chats and cancels each after its first words: every other one by leaving, the others by POST .../cancel. */
export async function cancelChats({ api, apiKey, chats, atOnce }: CancelOptions): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < chats) {
      const leaves = next++ % 2 === 0
      await cancelOne(api, apiKey, leaves)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

function cancelOne(api: Service, apiKey: string, leaves: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const { port, hostname, host } = new URL(api.url)
    const socket = connect(Number(port), hostname)
    const timer = setTimeout(() => end(new Error('no word within 15 s')), 15_000)
    let text = ''
    let isCancelled = false

    function end(error?: Error): void {
      clearTimeout(timer)
      socket.destroy()
      if (error === undefined) resolve()
      else reject(error)
    }

    socket.on('error', end)
    socket.on('close', () => end())
    socket.on('data', (piece: Buffer) => {
      text += piece.toString('latin1')
      if (text.includes('event: execution.cancelled')) return end()
      if (isCancelled || !text.includes('event: message.delta')) return
      isCancelled = true
      if (leaves) return end()
      const id = /x-execution-id: (\S+)/i.exec(text)?.[1] ?? ''
      ask(`${api.url}/api/v1/chat/executions/${id}/cancel`, {}, { authorization: `Bearer ${apiKey}` }).catch(end)
    })
    const body = JSON.stringify({ message: 'Talk. [[sim:length=500]]', onDisconnect: 'cancel' })
    socket.write(
      `POST /api/v1/chat HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${apiKey}\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    )
  })
}
