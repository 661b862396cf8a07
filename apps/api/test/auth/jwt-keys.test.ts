import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exportJWK, generateKeyPair } from 'jose'
import t from 'tap'
import { loadPublicKeys } from '../../src/auth/jwt-keys.ts'

t.test('a key set with public keys is loaded', async (t) => {
  const edwards = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const rsa = await generateKeyPair('RS256', { extractable: true })
  const keys = [await exportJWK(edwards.publicKey), { ...(await exportJWK(rsa.publicKey)), alg: 'RS256' }]
  const path = join(t.testdir({ 'keys.json': JSON.stringify({ keys }) }), 'keys.json')
  t.same(await loadPublicKeys(path), { keys })
})

t.test('a file that is not as expected stops the start with the key, the file and the reason', async (t) => {
  const edwards = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const publicKey = await exportJWK(edwards.publicKey)
  const shortRsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
  const table: [name: string, content: string, message: RegExp][] = [
    ['not JSON', 'x', /it is not JSON/],
    ['no keys', '{}', /it is not \{"keys"/],
    ['an empty set', '{"keys":[]}', /with 1 to 100 keys/],
    ['a private key', JSON.stringify({ keys: [await exportJWK(edwards.privateKey)] }), /keys\[0\] holds a private/],
    ['a shared secret', '{"keys":[{"kty":"oct","k":"YWJj"}]}', /keys\[0\] holds a private or secret key/],
    ['an elliptic curve key', '{"keys":[{"kty":"EC","crv":"P-256"}]}', /keys\[0\] must have kty "OKP"/],
    ['another alg', JSON.stringify({ keys: [{ ...publicKey, alg: 'RS256' }] }), /keys\[0\] must have alg "EdDSA"/],
    ['a short RSA key', JSON.stringify({ keys: [shortRsa] }), /keys\[0\] must have at least 2048 bits/],
    ['a damaged key', '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAA"}]}', /keys\[0\] is not a valid JSON Web Key/]
  ]
  const folder = t.testdir({})
  for (const [name, content, message] of table) {
    const path = join(folder, 'keys.json')
    await writeFile(path, content)
    await t.rejects(loadPublicKeys(path), { message }, name)
    await t.rejects(
      loadPublicKeys(path),
      { name: 'ConfigError', message: /JWT_PUBLIC_KEYS_FILE: ".*keys\.json"; expected a file / },
      name
    )
  }
  await t.rejects(loadPublicKeys(join(folder, 'none.json')), { message: /cannot be read \(ENOENT\)/ })
})
