import { readFile } from 'node:fs/promises'
import { ConfigError } from '@semibot/config'
import { importJWK, type JSONWebKeySet, type JWK } from 'jose'
import { z } from 'zod'

/** Shortest RSA modulus that RFC 7518 section 3.3 allows for RS256. */
const MIN_RSA_BITS = 2048

const keySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(100) })

/** The algorithm that a public key verifies, or what is wrong with the key. */
function algorithmOf(key: Record<string, unknown>): { alg: 'EdDSA' | 'RS256' } | { problem: string } {
  if ('d' in key || 'k' in key) return { problem: 'holds a private or secret key; keep only the public part' }
  if (key.kty === 'OKP' && key.crv === 'Ed25519') return { alg: 'EdDSA' }
  if (key.kty === 'RSA') return { alg: 'RS256' }
  return { problem: 'must have kty "OKP" with crv "Ed25519", or kty "RSA"' }
}

async function checkKey(key: Record<string, unknown>): Promise<string | undefined> {
  const found = algorithmOf(key)
  if ('problem' in found) return found.problem
  if (key.alg !== undefined && key.alg !== found.alg) return `must have alg "${found.alg}"`
  try {
    const imported = await importJWK(key as JWK, found.alg)
    const bits = 'algorithm' in imported ? (imported.algorithm as { modulusLength?: number }).modulusLength : undefined
    return bits !== undefined && bits < MIN_RSA_BITS ? `must have at least ${MIN_RSA_BITS} bits` : undefined
  } catch {
    return 'is not a valid JSON Web Key'
  }
}

/**
 * Reads the JSON Web Key Set (RFC 7517) of JWT_PUBLIC_KEYS_FILE: the public keys of token issuers.
 *
 * @throws ConfigError that names the file and what is wrong with it.
 */
export async function loadPublicKeys(path: string): Promise<JSONWebKeySet> {
  const fail = (problem: string): never => {
    throw configError(path, `a file with a JSON Web Key Set of public keys, but ${problem}`)
  }

  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) =>
    fail(`it cannot be read (${error.code ?? error.message})`)
  )
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return fail('it is not JSON')
  }
  const parsed = keySet.safeParse(json)
  if (!parsed.success) return fail('it is not {"keys": [...]} with 1 to 100 keys')

  for (const [index, key] of parsed.data.keys.entries()) {
    const problem = await checkKey(key)
    if (problem !== undefined) fail(`keys[${index}] ${problem}`)
  }
  return parsed.data as unknown as JSONWebKeySet
}

function configError(path: string, expected: string): ConfigError {
  // Where the key was set is not known any more, so the message leaves it out, as it does for a default.
  const unknown = { origin: 'default', where: '' } as const
  return new ConfigError([{ key: 'JWT_PUBLIC_KEYS_FILE', shownValue: JSON.stringify(path), ...unknown, expected }])
}
