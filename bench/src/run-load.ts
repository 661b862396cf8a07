import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { REPOSITORY_ROOT, SOURCE_FLAGS } from '@semibot/stack'
import { usageOf } from './process-usage.ts'
import type { System } from './systems.ts'
import type { Load, RequestResult, StreamResult } from './types.ts'

/** One measured round: what the load saw, and what the system under test used for it. */
export interface Round<R> {
  result: R
  cpuSeconds: number
  /** Largest resident size during the round above that before it, bytes. */
  grownBytes: number
}

/** Runs a load in a process of its own while the operating system counts what the system under test uses. */
export async function runLoad<R extends RequestResult | StreamResult>(system: System, load: Load): Promise<Round<R>> {
  const before = usageOf(system.pid)
  let largest = before.residentBytes
  const watch = setInterval(() => {
    largest = Math.max(largest, usageOf(system.pid).residentBytes)
  }, 100)
  try {
    const result = await spawnLoad<R>(load)
    return {
      result,
      cpuSeconds: usageOf(system.pid).cpuSeconds - before.cpuSeconds,
      grownBytes: largest - before.residentBytes
    }
  } finally {
    clearInterval(watch)
  }
}

/** Longest round; beyond it the load is ended and the bench fails. */
const ROUND_TIMEOUT_MS = 60_000

function spawnLoad<R>(load: Load): Promise<R> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...SOURCE_FLAGS, join(REPOSITORY_ROOT, 'bench/src/load.ts')], {
      env: { PATH: process.env.PATH, LOAD: JSON.stringify(load) },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: ROUND_TIMEOUT_MS
    })
    let output = ''
    child.stdout.on('data', (data) => {
      output += data
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(output) as R)
      else reject(new Error(`the load ended with ${signal ?? code}`))
    })
  })
}

/** Puts a process on a core, or on cores such as `0-1`, where `taskset` is installed; false where it is not. */
export function pin(pid: number, cores: number | string): boolean {
  return spawnSync('taskset', ['-a', '-c', '-p', String(cores), String(pid)], { stdio: 'ignore' }).status === 0
}
