import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

/** Finds all addresses of a host name. */
export type Resolve = (host: string) => Promise<string[]>

const resolveAll: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address)

/**
 * The runtime instances behind the configured URLs: a URL whose host name has several addresses stands for as
 * many instances, any other for itself. A name that cannot be resolved stands for itself as well, so that its
 * calls fail and are counted.
 */
export async function expandInstances(urls: readonly string[], resolve: Resolve = resolveAll): Promise<string[]> {
  const expanded = await Promise.all(urls.map((url) => expand(url, resolve)))
  return [...new Set(expanded.flat())]
}

async function expand(text: string, resolve: Resolve): Promise<string[]> {
  const url = new URL(text)
  if (isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0 || url.hostname === 'localhost') return [text]
  const addresses = await resolve(url.hostname).catch(() => [])
  if (addresses.length < 2) return [text]
  return addresses.sort().map((address) => {
    const host = isIP(address) === 6 ? `[${address}]` : address
    return `${url.protocol}//${host}${url.port === '' ? '' : `:${url.port}`}`
  })
}
