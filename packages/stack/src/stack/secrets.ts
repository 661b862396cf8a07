import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What is made up once for a state folder and kept there, readable by its owner only. */
export interface StackSecrets {
  postgresPassword: string
  postgresAdminPassword: string
  redisPassword: string
  adminToken: string
  runtimeServiceToken: string
  jwtSecret: string
  /** Key of the organisation that is admitted to the runtime; set after the first start. */
  devKey?: string
  /** Key of the organisation that is not. */
  devKeyDirect?: string
}

const FILE = 'secrets.json'

/** Reads `secrets.json` of the state folder; what is missing in it is made up and written. */
export function loadSecrets(home: string): StackSecrets {
  const kept = readKept(join(home, FILE))
  const secrets: StackSecrets = {
    postgresPassword: random(24),
    postgresAdminPassword: random(24),
    redisPassword: random(24),
    adminToken: random(32),
    runtimeServiceToken: random(32),
    jwtSecret: random(48),
    ...kept
  }
  if (JSON.stringify(kept) !== JSON.stringify(secrets)) saveSecrets(home, secrets)
  return secrets
}

/** Writes `secrets.json`, mode 0600. */
export function saveSecrets(home: string, secrets: StackSecrets): void {
  const draft = join(home, `${FILE}.${process.pid}`)
  writeFileSync(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 })
  renameSync(draft, join(home, FILE))
}

function readKept(path: string): Partial<StackSecrets> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
  try {
    return JSON.parse(text) as Partial<StackSecrets>
  } catch (error) {
    throw new Error(`${path} is not JSON: repair it, or delete the state folder to start anew`, { cause: error })
  }
}

/** Letters, digits and nothing that a shell, a URL or a header would have to quote. */
function random(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}
