import { z } from 'zod'
import type { ValueKind } from './key.ts'

interface UrlRules {
  readonly protocols: readonly string[]
  readonly expected: string
  /** Only scheme, host and port. */
  readonly originOnly?: boolean
  readonly credentials?: boolean
  readonly query?: boolean
  /** The host may be the folder of a Unix socket, in the parameter `host`. */
  readonly socket?: boolean
}

function isAllowed(text: string, rules: UrlRules): boolean {
  const value = rules.socket
    ? text.replace(/(:\/\/[^/]*@|:\/\/)(\/[^?]*\?(?:.*&)?host=(?:\/|%2f))/i, '$1socket$2')
    : text
  if (/\s/.test(value) || !URL.canParse(value)) return false
  const url = new URL(value)
  if (!rules.protocols.includes(url.protocol)) return false
  if (url.hostname === '' || url.hash !== '') return false
  if (!rules.credentials && (url.username !== '' || url.password !== '')) return false
  if (!rules.query && url.search !== '') return false
  return !rules.originOnly || url.pathname === '/' || url.pathname === ''
}

function urlKind(rules: UrlRules, normalize: (value: string) => string): ValueKind<string> {
  const schema = z
    .string()
    .refine((value) => isAllowed(value, rules), { error: rules.expected })
    .transform(normalize)
  return { schema, expected: rules.expected, type: 'URL' }
}

/** `http(s)://host[:port]` alone; the result has no trailing slash. */
export function httpOrigin(): ValueKind<string> {
  const expected = 'http://host[:port] or https://host[:port] without path, user or password'
  return urlKind({ protocols: ['http:', 'https:'], expected, originOnly: true }, (value) => new URL(value).origin)
}

/** An HTTP URL to which paths are appended; the result has no trailing slash. */
export function httpBaseUrl(): ValueKind<string> {
  const expected = 'an http(s) URL such as http://host/v1, without user, password, query or fragment'
  return urlKind({ protocols: ['http:', 'https:'], expected }, (value) => {
    const url = new URL(value)
    return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
  })
}

/** A PostgreSQL connection URL, kept as written. */
export function postgresUrl(): ValueKind<string> {
  const expected = 'postgres://user:password@host:5432/database (reserved characters of a password are percent-encoded)'
  const rules = { protocols: ['postgres:', 'postgresql:'], expected, credentials: true, query: true, socket: true }
  return urlKind(rules, (value) => value)
}

/** A Redis connection URL, kept as written. */
export function redisUrl(): ValueKind<string> {
  const expected = 'redis://[user:password@]host:6379[/number] or rediss://...'
  const rules = { protocols: ['redis:', 'rediss:'], expected, credentials: true, query: true }
  return urlKind(rules, (value) => value)
}
