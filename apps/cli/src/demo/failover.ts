import { setTimeout as pause } from 'node:timers/promises'
import { CliError } from '../failure.ts'
import { createOperatorApi, type OperatorApi } from '../operator-api.ts'
import { seconds } from '../seconds.ts'
import { askOnce, streamChat } from './chat.ts'
import type { RunningStack } from './find-running-stack.ts'
import { runtimeLogLines } from './log-lines.ts'
import type { Stage } from './screen.ts'
import { WatchedChat } from './watched-chat.ts'

/** What the demonstration has seen. Times in milliseconds. */
export interface FailoverReport {
  killedPids: number[]
  /** Longest time without text for the reader, from the kill on. */
  pauseMs: number
  /** The text before the kill was taken back and a whole answer followed; else it went on where it stopped. */
  retracted: boolean
  answer: string
  attempts: number
  otherChats: number
  otherChatsAnswered: number
  fallbackReason: string
  logLines: string[]
  /** From the kill until the runtime ran again, and until chats used it again. */
  runtimeBackMs: number
  recoveredMs: number
}

/** As many as open the breaker at once. */
const OTHER_CHATS = 6
const ORG = 'dev-runtime'
const POLL_MS = 100

const SPOKEN =
  'These words come from the simulator through the runtime, one by one. Any moment now the runtime is killed with ' +
  'signal 9, which leaves it no time to say goodbye. Nobody who reads along has to do anything: the api sees the ' +
  'broken connection, asks the model itself, and goes on in the same response. Here the answer ends, complete.'
const FOR_SIMULATOR = `Tell me what happens when the runtime dies. [[sim:gap=60]] [[sim:say=${SPOKEN}]]`
const FOR_MODEL = 'Write twelve short sentences about the sea, each on a line of its own.'

/**
 * Streams a chat, kills the runtime of `npm start` in the middle, and follows what becomes of the chat, of others at
 * the same moment, and of the runtime. Throws CliError where it cannot begin, or where a chat was not answered.
 */
export async function showFailover(stack: RunningStack, stage: Stage): Promise<FailoverReport> {
  const api = createOperatorApi(stack.apiUrl, stack.adminToken)
  await prepare(stack, api, stage)

  const message = stack.hasSimulator ? FOR_SIMULATOR : FOR_MODEL
  const call = { apiUrl: stack.apiUrl, apiKey: stack.apiKey }
  const chat = new WatchedChat(stack, stage)
  let others: Promise<(string | null)[]> | undefined
  chat.onKilled = () => {
    others = Promise.all(Array.from({ length: OTHER_CHATS }, () => askOnce({ ...call, message: 'Hello' })))
  }
  stage.mark(`asked, as ${ORG}: ${message.split(' [[')[0]}`)
  await streamChat({ ...call, message }, (event) => chat.take(event))
  if (others === undefined) throw new CliError('the answer was complete before the runtime could be killed')
  if (chat.ended?.type !== 'execution.completed') throw new CliError('the chat was not answered')
  const { attempts } = chat.ended
  stage.mark(`complete: ${attempts} attempts, one response, longest pause ${chat.pauseMs} ms`)

  const answered = (await others).filter((mode) => mode !== null).length
  stage.mark(`${OTHER_CHATS} other chats, sent at the moment of the kill: ${answered} answered`)
  const { fallbackReason } = await until(api.status, (status) => status.fallbackEnabled, 10_000, 'the fallback')
  stage.mark(`operators see: fallbackEnabled true, fallbackReason "${fallbackReason}", and in the log:`)
  const logLines = runtimeLogLines(stack.home, chat.killedAt)
  for (const line of logLines) stage.mark(`    ${line}`)
  if (logLines.length === 0) stage.mark('    (the log is on the screen of npm start)')

  const sinceKill = () => Math.round(Date.now() - chat.killedAt)
  const isBack = () => stack.runtimes().length >= chat.killedPids.length
  await until(async () => isBack(), Boolean, 60_000, 'npm start to start the runtime again')
  const runtimeBackMs = sinceKill()
  const pids = stack.runtimes().map(({ pid }) => pid)
  stage.mark(`${seconds(runtimeBackMs)} after the kill npm start has the runtime up again (pid ${pids.join(', ')})`)
  await until(api.status, (status) => !status.fallbackEnabled, 60_000, 'the recovery')
  const recoveredMs = sinceKill()
  stage.mark(`${seconds(recoveredMs)} after the kill it has passed its trials: chats return to it, a tenth at first`)

  if (answered < OTHER_CHATS) throw new CliError(`${OTHER_CHATS - answered} of the other chats were not answered`)
  return {
    killedPids: chat.killedPids,
    pauseMs: chat.pauseMs,
    retracted: chat.retracted,
    answer: chat.answer,
    attempts,
    otherChats: OTHER_CHATS,
    otherChatsAnswered: answered,
    fallbackReason,
    logLines,
    runtimeBackMs,
    recoveredMs
  }
}

/** Sees to it that the chat will run on a runtime of npm start, and that nobody else's is killed. */
async function prepare(stack: RunningStack, api: OperatorApi, stage: Stage): Promise<void> {
  const own = new Set(stack.runtimes().map(({ port }) => String(port)))
  for (const { url } of await api.instances()) {
    const { hostname, port } = new URL(url)
    if (['127.0.0.1', 'localhost', '[::1]'].includes(hostname) && own.has(port)) continue
    throw new CliError(`the api sends chats to ${url}, which npm start does not run (RUNTIME_SERVICE_URL): not killed`)
  }
  const { forced, fallbackEnabled, rampShare } = await api.status()
  if (forced !== null) {
    throw new CliError(`${forced.actor} has forced the fallback ${forced.mode} (${forced.reason}): end that first`)
  }
  if (fallbackEnabled || rampShare < 1) {
    await api.reset()
    stage.mark('the fallback of an earlier incident is reset')
  }
  const { mode, rule } = await api.explain(ORG)
  if (mode !== 'runtime_orchestrator') {
    throw new CliError(
      `${ORG} gets ${mode} (rule ${rule}): admit it to the runtime first, see CHAT_RUNTIME_ENABLED_ORGS`
    )
  }
}

async function until<T>(
  look: () => Promise<T>,
  done: (value: T) => boolean,
  limitMs: number,
  what: string
): Promise<T> {
  const end = performance.now() + limitMs
  for (;;) {
    const value = await look()
    if (done(value)) return value
    if (performance.now() >= end) throw new CliError(`waited ${limitMs / 1000} s for ${what}`)
    await pause(POLL_MS)
  }
}
