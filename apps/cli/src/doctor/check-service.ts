import { readFileSync } from 'node:fs'
import { Agent, request } from 'undici'
import { type Finding, fail, ok, warn } from './finding.ts'

const TIMEOUT_MS = 3000
const MAX_SHOWN = 300
const MAX_READ = 64 * 1024

interface Service {
  /** `api` or `runtime`. */
  readonly name: string
  /** Without a slash at the end. */
  readonly url: string
  /** Chats work without it. */
  readonly optional: boolean
  readonly advice: string
  /** PEM file of the authority that its certificate is signed by, for https:. Default: those that Node.js knows. */
  readonly caFile?: string | undefined
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS} ms`
  return error.message || ('code' in error ? String(error.code) : error.name)
}

async function get(url: string, caFile: string | undefined): Promise<{ status: number; text: string }> {
  const dispatcher = new Agent(caFile === undefined ? {} : { connect: { ca: readFileSync(caFile) } })
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const { statusCode, body } = await request(url, { signal, dispatcher, reset: true })
    return { status: statusCode, text: (await body.text()).slice(0, MAX_READ) }
  } finally {
    await dispatcher.destroy()
  }
}

interface ReadyBody {
  dependencies?: Record<string, { state: string; detail?: string }>
}

/** A service is ready without what it depends on, and says so. */
function checkDependencies({ name, url }: Service, text: string): Finding {
  const { dependencies = {} } = JSON.parse(text) as ReadyBody
  const down = Object.entries(dependencies).filter(([, { state }]) => state === 'down')
  if (down.length === 0) return ok(name, `${url} is ready`)
  const list = down.map(
    ([dependency, { detail }]) => `${dependency} is down${detail === undefined ? '' : ` (${detail})`}`
  )
  return warn(name, `${url} is ready, but ${list.join(', ')}`, `repair it: ${url}/ready shows when it is back`)
}

/** Asks GET /health, then GET /ready. */
export async function checkService(service: Service): Promise<Finding> {
  const { name, url, advice, caFile } = service
  const bad = service.optional ? warn : fail
  try {
    const health = await get(`${url}/health`, caFile)
    if (health.status !== 200 || !/"status"\s*:\s*"(healthy|draining)"/.test(health.text)) {
      return bad(
        name,
        `${url}/health answers ${health.status} and not a Semibot's health`,
        `is another program on this port? ${advice}`
      )
    }
    const ready = await get(`${url}/ready`, caFile)
    if (ready.status === 200) return checkDependencies(service, ready.text)
    return bad(name, `${url} is up and not ready: ${ready.text.slice(0, MAX_SHOWN)}`, `see ${url}/ready and its log`)
  } catch (error) {
    return bad(name, `${reasonOf(error)} at ${url}`, advice)
  }
}
