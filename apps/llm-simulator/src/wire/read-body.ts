import type { IncomingMessage } from 'node:http'
import { OpenAiError } from './openai-error.ts'

/** Largest request body, in bytes. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024

/** The parsed JSON body; undefined when it is empty. @throws OpenAiError when it is too large or not JSON */
export function readJsonBody(request: IncomingMessage): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let bytes = 0
    request.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes > MAX_BODY_BYTES) {
        request.pause()
        reject(new OpenAiError(413, `The request body is larger than ${MAX_BODY_BYTES} bytes.`))
        return
      }
      pieces.push(piece)
    })
    request.on('error', reject)
    request.on('end', () => {
      const text = (pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)).toString('utf8')
      if (text === '') {
        resolve(undefined)
        return
      }
      try {
        resolve(JSON.parse(text))
      } catch {
        reject(new OpenAiError(400, 'We could not parse the JSON body of your request.'))
      }
    })
  })
}
