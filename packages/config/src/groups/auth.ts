import { weakSecretReason } from '../check-secret.ts'
import { defineGroup, key, optionalKey } from '../key.ts'
import { list, secretText, text } from '../kinds.ts'

/** Who may call the api. */
export const authGroup = defineGroup({
  name: 'auth',
  title: 'Who may call',
  keys: {
    ADMIN_TOKEN: key({
      kind: list(text({ expected: 'a token without white space', pattern: /^[\x21-\x7e]+$/ }), {
        items: 'tokens',
        max: 10
      }),
      default: '',
      secret: 'whole',
      doc: 'Bearer tokens of the operator for /api/v1/runtime/*; several, so that they can be rotated. Required in production, each at least 32 characters. Empty: these routes are closed.',
      setByStart: 'a random token, written to dev.env in the state folder'
    }),
    JWT_HS256_SECRET: optionalKey({
      kind: secretText({ minBytes: 32 }),
      secret: 'whole',
      doc: 'Secret of HS256 tokens, also of the short-lived ones that POST /api/v1/tokens mints.',
      setByStart: 'a random secret'
    }),
    JWT_PUBLIC_KEYS_FILE: optionalKey({
      kind: text({ expected: 'a file path', type: 'path' }),
      doc: 'JWKS file of the public keys (EdDSA, RS256) whose tokens are accepted.'
    }),
    JWT_ISSUER: optionalKey({ kind: text({ maxLength: 500 }), doc: 'Value that the claim iss must have.' }),
    JWT_AUDIENCE: optionalKey({ kind: text({ maxLength: 500 }), doc: 'Value that the claim aud must have.' })
  },
  check: (values) => {
    if (values.NODE_ENV !== 'production') return []
    const reason = weakSecretReason(values.ADMIN_TOKEN)
    return reason === undefined ? [] : [{ key: 'ADMIN_TOKEN', expected: reason }]
  }
})
