import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { StartupError } from './run-service.ts'

export interface TlsFiles {
  /** PEM files: the certificate with those that lead to its authority, and its private key. */
  certFile: string
  keyFile: string
  /** Environment keys that name them, for messages. */
  certKey: string
  keyKey: string
}

/** Certificate and key as they were read, and until when they hold. */
export interface TlsMaterial {
  cert: Buffer
  key: Buffer
  /** Whom the certificate names. */
  subject: string
  validTo: Date
}

/**
 * Reads certificate and key, and checks that they belong together and hold now.
 * @throws StartupError that names the environment key, the file, and what is wrong with it
 */
export function readTls({ certFile, keyFile, certKey, keyKey }: TlsFiles, now: Date = new Date()): TlsMaterial {
  const cert = readPem(certFile, certKey)
  const key = readPem(keyFile, keyKey)
  const certificate = parse(cert, certFile, certKey)
  if (certificate.validToDate < now)
    throw new StartupError(`${certKey}: the certificate in ${certFile} is valid until ${certificate.validTo} only.`)
  if (certificate.validFromDate > now)
    throw new StartupError(`${certKey}: the certificate in ${certFile} is valid from ${certificate.validFrom} on.`)
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    throw new StartupError(
      `${keyKey}: ${keyFile} is not the private key, in PEM and without a password, of the certificate in ${certFile} (${certKey}).`,
      { cause: error }
    )
  }
  const subject = certificate.subjectAltName ?? certificate.subject
  return { cert, key, subject, validTo: certificate.validToDate }
}

/**
 * Reads the certificates of the authorities that a client trusts.
 * @throws StartupError that names the environment key, the file, and what is wrong with it
 */
export function readAuthorities(file: string, key: string): Buffer {
  const pem = readPem(file, key)
  parse(pem, file, key)
  return pem
}

function readPem(file: string, key: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such file',
      EACCES: 'this user may not read it',
      EISDIR: 'it is a folder'
    }
    throw new StartupError(`${key}: ${file} cannot be read: ${reasons[code ?? ''] ?? (error as Error).message}.`, {
      cause: error
    })
  }
}

function parse(pem: Buffer, file: string, key: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw new StartupError(`${key}: ${file} holds no certificate in PEM (-----BEGIN CERTIFICATE-----).`, {
      cause: error
    })
  }
}
