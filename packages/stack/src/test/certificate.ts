import { createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import { isIPv4 } from 'node:net'

export interface TestCertificate {
  /** PEM. */
  cert: string
  key: string
}

export interface TestCertificateOptions {
  /** Host names and IPv4 addresses that it is good for. Default: localhost and 127.0.0.1. */
  names?: readonly string[]
  commonName?: string
  /** Default: an hour ago, and a day from now. */
  from?: Date
  to?: Date
  /** Who signs it. Default: itself, as an authority that may sign others. */
  issuer?: TestCertificate
}

const HOUR_MS = 3_600_000

/** A certificate (X.509 version 3, RFC 5280) with a new key on the curve P-256; tests need no openssl for it. */
export function makeCertificate(options: TestCertificateOptions = {}): TestCertificate {
  const { names = ['localhost', '127.0.0.1'], commonName = 'Semibot test', issuer } = options
  const from = options.from ?? new Date(Date.now() - HOUR_MS)
  const to = options.to ?? new Date(Date.now() + 24 * HOUR_MS)
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const subject = nameOf(commonName)
  const issuerName = issuer === undefined ? subject : nameOf(commonNameOf(issuer))
  const algorithm = sequence(oid(ECDSA_SHA256))
  const alternatives = names.map((name) =>
    isIPv4(name) ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name))
  )
  const extensions = sequence(
    extension(SUBJECT_ALT_NAME, sequence(...alternatives)),
    ...(issuer === undefined ? [extension(BASIC_CONSTRAINTS, sequence(der(0x01, Buffer.from([0xff]))))] : [])
  )
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([0x40]), randomBytes(8)])),
    algorithm,
    issuerName,
    sequence(time(from), time(to)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions)
  )
  const signature = sign('sha256', body, issuer === undefined ? privateKey : createPrivateKey(issuer.key))
  const certificate = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const lines = certificate.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  }
}

const ECDSA_SHA256 = '1.2.840.10045.4.3.2'
const COMMON_NAME = '2.5.4.3'
const SUBJECT_ALT_NAME = '2.5.29.17'
const BASIC_CONSTRAINTS = '2.5.29.19'

function commonNameOf({ cert }: TestCertificate): string {
  return /CN=(.*)/.exec(new X509Certificate(cert).subject)?.[1] ?? ''
}

/** Tag, length, content: ITU-T X.690, section 8.1. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const bytes = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...bytes]), content])
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes)
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const part of rest) {
    const digits = [part & 0x7f]
    for (let left = part >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80)
    bytes.push(...digits)
  }
  return der(0x06, Buffer.from(bytes))
}

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid(COMMON_NAME), der(0x0c, Buffer.from(commonName)))))
}

function time(date: Date): Buffer {
  return der(0x18, Buffer.from(date.toISOString().replace(/[-:T]|\.\d+/g, '')))
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(0x04, value))
}
