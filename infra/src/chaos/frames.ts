import type { ChatEvent } from '@semibot/chat-protocol'

export interface Frame {
  id: string | undefined
  event: ChatEvent
}

/** Puts the pieces of a response together and gives the events that are whole; comments and `retry` are left out. */
export function createFrameReader(): (piece: Buffer) => Frame[] {
  const decoder = new TextDecoder()
  let rest = ''
  return (piece) => {
    rest += decoder.decode(piece, { stream: true })
    const parts = rest.split('\n\n')
    rest = parts.pop() ?? ''
    return parts.flatMap((part) => {
      const fields = new Map(
        part.split('\n').map((line) => {
          const colon = line.indexOf(':')
          return [line.slice(0, colon), line.slice(colon + 1).trimStart()] as const
        })
      )
      const data = fields.get('data')
      return data === undefined ? [] : [{ id: fields.get('id'), event: JSON.parse(data) as ChatEvent }]
    })
  }
}
