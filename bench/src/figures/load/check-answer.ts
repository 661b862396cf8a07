import type { LoadMessage } from './chat-load.ts'

const MARK = /\[(\d+)\.(\d+)\]/g

/** What is wrong with a text, empty when nothing is, and how many model calls wrote it. */
export interface AnswerCheck {
  problem: string
  writers: number
}

/**
 * Whether a text is the whole answer and nothing else. A varying answer carries the place and the model call of each
 * word: places must count up without a hole or a repetition, and the text may change hands once, from a first call to
 * the one that continues it; never back, which would be two answers in one.
 */
export function checkAnswer(text: string, message: LoadMessage): AnswerCheck {
  if (!message.varies) {
    const isWhole = text === message.answer || text === message.alternative
    return { problem: isWhole ? '' : `another text: ${quote(text)}`, writers: 0 }
  }
  const calls: string[] = []
  let place = 0
  for (const [, position, call = ''] of text.matchAll(MARK)) {
    place++
    if (Number(position) !== place) return { problem: `word ${position} at place ${place}`, writers: calls.length }
    if (calls.at(-1) !== call) calls.push(call)
  }
  const writers = calls.length
  if (text.replace(MARK, '') !== message.answer) return { problem: `another text: ${quote(text)}`, writers }
  if (writers < 1 || writers > 2) return { problem: `a text of ${writers} pieces`, writers }
  return { problem: '', writers }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 40)}...${text.slice(-40)}` : text)
}
