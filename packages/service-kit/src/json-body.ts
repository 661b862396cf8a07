import { isUtf8 } from 'node:buffer'
import { LIMITS } from '@semibot/chat-protocol'
import { exceedsDepth } from './json-depth.ts'
import { RequestError } from './request-error.ts'

/**
 * The value of a JSON request body; undefined for an empty one, so that `curl -X POST` with a JSON content
 * type and no data works.
 * @throws {RequestError} VALIDATION_FAILED for invalid UTF-8, too deep nesting, invalid JSON, or a key that
 * would reach an object's prototype
 */
export function parseJsonBody(body: Buffer, maxDepth: number = LIMITS.jsonDepth): unknown {
  if (body.length === 0) return undefined
  if (!isUtf8(body)) throw invalid('The body is not valid UTF-8.')
  // Before JSON.parse: what is parsed is walked by recursive code later.
  if (exceedsDepth(body, maxDepth)) throw invalid(`The body is nested deeper than ${maxDepth} levels.`)
  const text = body.toString('utf8', hasByteOrderMark(body) ? 3 : 0)
  const value = parse(text)
  // An escaped key can spell anything, so any escape by code point means a look at the keys.
  if (text.includes('__proto__') || text.includes('constructor') || text.includes('\\u')) rejectPoison(value)
  return value
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    // The engine's own message quotes the body; only the place of the mistake is passed on.
    const place = /at position (\d+)/.exec((error as Error).message)?.[1]
    throw invalid(`The body is not valid JSON${place === undefined ? '' : ` (position ${place})`}.`)
  }
}

function rejectPoison(root: unknown): void {
  const waiting: unknown[] = [root]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (typeof value !== 'object' || value === null) continue
    for (const [key, child] of Object.entries(value)) {
      if (key === '__proto__' || (key === 'constructor' && hasPrototypeKey(child))) {
        throw invalid(`The body must not hold the key ${key}.`)
      }
      waiting.push(child)
    }
  }
}

function hasPrototypeKey(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype')
}

function hasByteOrderMark(body: Buffer): boolean {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf
}

function invalid(message: string): RequestError {
  return new RequestError('VALIDATION_FAILED', message)
}
