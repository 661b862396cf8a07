import { StringDecoder } from 'node:string_decoder'

/** Longest line that is passed on whole, in characters. */
const MAX_LINE_LENGTH = 64 * 1024

/**
 * Cuts a byte stream into lines and gives each to `onLine`, without its line break. A line longer than 65,536
 * characters is passed on in pieces, so that a process that never ends its line cannot fill the memory.
 */
export function createLineSplitter(onLine: (line: string) => void): { write(chunk: Buffer): void; end(): void } {
  const decoder = new StringDecoder('utf8')
  let rest = ''

  function take(text: string): void {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line.endsWith('\r') ? line.slice(0, -1) : line)
    while (rest.length > MAX_LINE_LENGTH) {
      onLine(rest.slice(0, MAX_LINE_LENGTH))
      rest = rest.slice(MAX_LINE_LENGTH)
    }
  }

  return {
    write: (chunk) => take(decoder.write(chunk)),
    end: () => {
      take(decoder.end())
      if (rest !== '') onLine(rest)
      rest = ''
    }
  }
}

/** The last `size` lines of something that writes for ever. */
export function createTail(size: number): { push(line: string): void; lines: readonly string[] } {
  const lines: string[] = []
  return {
    lines,
    push: (line) => {
      lines.push(line)
      if (lines.length > size) lines.shift()
    }
  }
}
