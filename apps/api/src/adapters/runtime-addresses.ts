import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

/** Finds all addresses of a host name. */
export type Resolve = (host: string) => Promise<string[]>

/** All addresses, by the system's rules. */
export const resolveAll: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address)

/**
 * The runtime instances behind the configured URLs: a URL whose host name has several addresses stands for as
 * many instances, any other for itself. A name that cannot be resolved stands for itself as well, so that its
 * calls fail and are counted. `onAddress` is told by which name an address was found.
 */
export async function expandInstances(
  urls: readonly string[],
  resolve: Resolve = resolveAll,
  onAddress: (address: string, name: string) => void = () => {}
): Promise<string[]> {
  const expanded = await Promise.all(urls.map((url) => expand(url, resolve, onAddress)))
  return [...new Set(expanded.flat())]
}

async function expand(
  text: string,
  resolve: Resolve,
  onAddress: (address: string, name: string) => void
): Promise<string[]> {
  const url = new URL(text)
  if (isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0 || url.hostname === 'localhost') return [text]
  const addresses = await resolve(url.hostname).catch(() => [])
  if (addresses.length < 2) return [text]
  return addresses.sort().map((address) => {
    const host = isIP(address) === 6 ? `[${address}]` : address
    onAddress(address, url.hostname)
    return `${url.protocol}//${host}${url.port === '' ? '' : `:${url.port}`}`
  })
}
