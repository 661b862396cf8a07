import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { REPOSITORY_ROOT } from '@semibot/stack'
import { parse } from 'yaml'

/** What the tests look at of a service. */
export interface ComposeService {
  image: string
  build?: { context: string; target: string }
  environment?: Record<string, string>
  ports?: string[]
  volumes?: string[]
  networks?: string[]
  read_only?: boolean
  cap_drop?: string[]
  security_opt?: string[]
  stop_grace_period?: string
  depends_on?: string[] | Record<string, { condition: string }>
  healthcheck?: { test: string[] }
  deploy?: { replicas?: number; resources: { limits: { cpus: string; memory: string } } }
  profiles?: string[]
}

export interface ComposeFile {
  services: Record<string, ComposeService>
  networks: Record<string, unknown>
  volumes: Record<string, unknown>
}

/** The folder in which infra/compose.yaml resolves its paths. */
export const COMPOSE_FOLDER = join(REPOSITORY_ROOT, 'infra')

/** The settings that infra/compose.env.example shows, with a secret in each place that it leaves to the operator. */
export function exampleSettings(): Record<string, string> {
  const text = readFileSync(join(COMPOSE_FOLDER, 'compose.env.example'), 'utf8')
  const secret = (key: string): boolean => /(PASSWORD|TOKEN|SECRET)$/.test(key)
  return Object.fromEntries(
    Object.entries(parseEnv(text)).map(([key, value = '']) => [
      key,
      value || (secret(key) ? randomBytes(32).toString('hex') : '')
    ])
  )
}

/**
 * infra/compose.yaml as Compose would see it: anchors and merge keys resolved, variables replaced. Throws when a
 * variable that must be set is not.
 */
export function readCompose(settings: Record<string, string>): ComposeFile {
  const text = readFileSync(join(COMPOSE_FOLDER, 'compose.yaml'), 'utf8')
  return replaceStrings(parse(text, { merge: true }), (value) => interpolate(value, settings)) as ComposeFile
}

function replaceStrings(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === 'string') return replace(value)
  if (Array.isArray(value)) return value.map((item) => replaceStrings(item, replace))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaceStrings(item, replace)]))
}

/** The forms of the Compose specification that the file uses: `${A}`, `${A:-default}` and `${A:?message}`. */
function interpolate(text: string, settings: Record<string, string>): string {
  return text.replaceAll(
    /\$\{(?<key>\w+)(?::(?<mode>[-?])(?<rest>[^}]*))?\}/g,
    (_, key: string, mode, rest: string) => {
      const value = settings[key] ?? ''
      if (value !== '' || mode === undefined) return value
      if (mode === '-') return rest
      throw new Error(`${key} is not set: ${rest}`)
    }
  )
}
