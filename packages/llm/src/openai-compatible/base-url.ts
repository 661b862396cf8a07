/** Where the requests of one provider go. */
export interface Endpoint {
  /** Scheme, host and port. */
  origin: string
  /** Path of chat completions, query included. */
  path: string
}

/**
 * Splits a base URL such as `https://host/v1` into what each request needs.
 * @throws TypeError that says what is wrong; the URL itself is never in it, for it may hold a password
 */
export function completionsEndpoint(baseUrl: string): Endpoint {
  if (!URL.canParse(baseUrl)) throw new TypeError('baseUrl: expected a URL such as http://host:port/v1')
  const url = new URL(baseUrl)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`baseUrl: expected http or https, got ${url.protocol.slice(0, -1)}`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('baseUrl: expected no user or password in it; credentials go into apiKey')
  }
  return { origin: url.origin, path: `${url.pathname.replace(/\/+$/, '')}/chat/completions${url.search}` }
}
