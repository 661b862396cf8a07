import { mkdirSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { takeExclusiveFile } from './exclusive-file.ts'

// Below the range that the kernel gives to outgoing connections (32768 and up), so that none of these can take it.
const FIRST_PORT = 20_000
const PORT_COUNT = 12_000

const claimed = new Set<string>()
let watchesExit = false

/**
 * Claims a name for this process among all processes of this user and machine; false when a living process has it.
 * The claim ends with `releaseClaim` or with the process.
 */
export function claim(name: string): boolean {
  const path = join(claimFolder(), name)
  if (!takeExclusiveFile(path)) return false
  if (!watchesExit) process.once('exit', releaseAll)
  watchesExit = true
  claimed.add(path)
  return true
}

/** Gives a claimed name back; nothing happens when this process does not hold it. */
export function releaseClaim(name: string): void {
  const path = join(claimFolder(), name)
  if (claimed.delete(path)) rmSync(path, { force: true })
}

/**
 * A TCP port of the loopback that nothing listens on, held for this process: no other caller of this function gets it,
 * and it lies outside the range of outgoing connections, so that it stays free until it is used.
 */
export async function freePort(): Promise<number> {
  const start = Math.floor(Math.random() * PORT_COUNT)
  for (let step = 0; step < PORT_COUNT; step++) {
    const port = FIRST_PORT + ((start + step) % PORT_COUNT)
    if (!claim(`port-${port}`)) continue
    if (await isPortFree(port)) return port
    releaseClaim(`port-${port}`)
  }
  throw new Error(`no free port between ${FIRST_PORT} and ${FIRST_PORT + PORT_COUNT}`)
}

/** Whether this process could listen on the port. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const server = createServer()
  return await new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** Whether something accepts connections on the port. */
export async function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host, timeout: 1000 })
    const settle = (open: boolean): void => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
    socket.once('timeout', () => settle(false))
  })
}

function claimFolder(): string {
  const folder = join(tmpdir(), `semibot-claims-${process.getuid?.() ?? 0}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

function releaseAll(): void {
  for (const path of claimed) rmSync(path, { force: true })
}
