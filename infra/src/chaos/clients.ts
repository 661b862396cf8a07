import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { follow } from './follow.ts'
import { bodyOf, NoAnswer } from './http.ts'
import type { Random } from './random.ts'
import { Told } from './told.ts'
import {
  ask,
  type Chat,
  type Failure,
  type Mode,
  other,
  PATIENCE_MS,
  RETRY_MS,
  shortPause,
  type World
} from './world.ts'

/** What a client does with one chat. */
const KINDS = {
  stream: 5,
  tools: 5,
  json: 2,
  'json-tools': 1,
  twins: 2,
  cancel: 2,
  delete: 1,
  leave: 2,
  'leave-for-good': 1,
  'leave-and-cancel': 1
} as const

type Kind = keyof typeof KINDS

const DECK = (Object.entries(KINDS) as [Kind, number][]).flatMap(([kind, times]) => Array<Kind>(times).fill(kind))

/** A session that the client may go on with. */
interface Session {
  id: string
  agentId: string
  mode: Mode
}

/** Chats one after the other until it is told to stop; resolves when the last has ended. */
export async function runClient(world: World, client: Random, name: string): Promise<void> {
  let session: Session | undefined
  for (let number = 1; !world.stopping; number++) {
    // Of its own: what a chat takes by chance does not depend on how the one before it went.
    const random = client.fork(String(number))
    const kind = random.pick(DECK)
    // Whoever deletes a session takes nothing from the chats before.
    const goesOn = random.chance(0.5) && kind !== 'delete'
    const { chat, body } = compose(random, kind, `${name}-${number}`, goesOn ? session : undefined)
    world.chats.push(chat)
    world.report.count(`chats: ${kind}`)
    await perform(world, random, chat, body)
    const isOver = chat.told.some(({ end }) => end !== undefined) || chat.answered !== undefined
    session =
      isOver && chat.sessionId && chat.isDeleted !== true
        ? { id: chat.sessionId, agentId: body.agentId as string, mode: chat.mode }
        : undefined
    await shortPause(random)
  }
}

type Body = Record<string, unknown>

/** A message whose words are marked by their call, so that a mixed answer shows. */
function compose(random: Random, kind: Kind, clientMessageId: string, session: Session | undefined) {
  const mustHaveTools = kind === 'tools' || kind === 'json-tools'
  const isFree = session === undefined || (mustHaveTools && session.agentId !== 'worker')
  const hasTools = mustHaveTools || (isFree ? random.chance(0.2) && kind !== 'stream' : session.agentId === 'worker')
  const mode: Mode = hasTools ? 'runtime' : isFree ? random.pick(['runtime', 'runtime', 'direct']) : session.mode
  const agentId = hasTools ? 'worker' : isFree ? 'default' : session.agentId
  const chat: Chat = { clientMessageId, kind, mode, executionIds: new Set(), sessionId: undefined, told: [] }
  // Some go wrong at the model by themselves.
  const fault = random.chance(0.06) ? ` ${random.pick(['cut=4', 'end=4', 'error=4', '500', '429'])}` : ''
  let message = `Talk. [[sim:length=${random.between(10, 150)} gap=${random.between(5, 30)} vary${fault}]]`
  if (hasTools) {
    const steps = random.between(1, 4)
    const name = random.pick(['effect_idempotent', 'effect_unsafe'])
    const input = { text: '$round', beforeMs: random.between(50, 700), afterMs: random.pick([0, 0, 200]) }
    const talk = random.chance(0.4) ? ' talk=8' : ''
    chat.tool = { name, steps }
    message = `Do it. [[sim:steps=${steps} vary${talk}${fault}]][[sim:call=${name} ${JSON.stringify(input)}]]`
  }
  const body: Body = {
    message,
    agentId,
    clientMessageId,
    stream: !kind.startsWith('json'),
    ...(!isFree && { sessionId: session.id }),
    ...(kind === 'leave-and-cancel' && { onDisconnect: 'cancel' })
  }
  return { chat, body }
}

async function perform(world: World, random: Random, chat: Chat, body: Body): Promise<void> {
  const api = random.between(0, 1)
  const key =
    chat.kind === 'twins' || chat.kind.startsWith('json') || random.chance(0.5) ? chat.clientMessageId : undefined
  if (chat.kind.startsWith('json')) return await askForJson(world, chat, body, api, key)
  if (chat.kind === 'twins') {
    await Promise.all([api, other(api)].map((at) => stream(world, random, chat, body, at, key)))
    return judgeTwins(world, chat)
  }
  const told = await stream(world, random, chat, body, api, key)
  if (told?.end === undefined || chat.isDeleted === true) return
  if (key !== undefined && random.chance(0.4)) await repeat(world, random, chat, body, key)
  if (random.chance(0.3)) await readAgain(world, random, chat)
}

/** Sends the chat until an api takes it, and follows it to its end. Without a key it is sent once only. */
async function stream(world: World, random: Random, chat: Chat, body: Body, at: number, key: string | undefined) {
  const sent = await send(world, chat, body, at, key)
  if (!('response' in sent)) return undefined
  const { response, api } = sent
  const after = random.between(2, 25)
  const leaves = chat.kind.startsWith('leave')
  const pauseMs = chat.kind === 'leave' ? random.between(0, 4000) : undefined
  const leave = leaves ? { after: ({ seq }: { seq: number }) => seq >= after, pauseMs } : undefined
  const cancelling = chat.kind === 'cancel' || chat.kind === 'delete' ? stop(world, random, chat) : undefined
  const told = await follow(world, { chat, first: response, api, ...(leave && { leave }) })
  await cancelling
  return told
}

/** The first answer that is a success; with a key it is asked for again and again, at the one api and the other. */
async function send(
  world: World,
  chat: Chat,
  body: Body,
  at: number,
  key: string | undefined
): Promise<{ response: IncomingMessage; api: number } | { failure: Failure } | { gaveUp: true }> {
  const until = performance.now() + PATIENCE_MS
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key }
  for (let api = at; performance.now() < until; api = other(api)) {
    const answer = await ask(world, api, chat.mode, '/chat', { method: 'POST', body, headers })
    if ('response' in answer) {
      learn(world, chat, answer.response, key)
      return { response: answer.response, api }
    }
    if ('failure' in answer && !answer.failure.mayComeAgain) {
      chat.answered = { status: answer.failure.status, content: undefined }
      world.report.count(`told: failed ${answer.failure.code}`)
      return answer
    }
    if (key === undefined || world.stopping) {
      chat.wasRefused = key === undefined && 'failure' in answer && answer.failure.code !== 'SESSION_BUSY'
      return { gaveUp: true }
    }
    await delay(RETRY_MS)
  }
  world.report.violated('ends', `${chat.kind} ${chat.clientMessageId}: no answer within ${PATIENCE_MS / 1000} s`)
  return { gaveUp: true }
}

/** Which execution an answer is of: the same one for each answer to the same key. */
function learn({ report }: World, chat: Chat, { headers }: IncomingMessage, key: string | undefined): void {
  const executionId = String(headers['x-execution-id'])
  chat.sessionId = String(headers['x-session-id'])
  chat.executionIds.add(executionId)
  if (headers['idempotency-replayed'] === 'true') report.count('answered again by the key')
  if (key === undefined) return
  report.checked('oneKey')
  if (chat.executionIds.size > 1)
    report.violated('oneKey', `${key} was answered by ${[...chat.executionIds].join(' and ')}`)
}

async function askForJson(world: World, chat: Chat, body: Body, at: number, key: string | undefined): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  for (let api = at; performance.now() < until; api = other(api)) {
    const sent = await send(world, chat, body, api, key)
    if (!('response' in sent)) return
    try {
      const { data } = (await bodyOf(sent.response)) as { data: { message: { content: string } } }
      chat.answered = { status: 200, content: data.message.content }
      return world.report.count('told: completed')
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      world.report.count(`no answer: ${error.reason}`)
    }
  }
}

/** Cancels the chat, or deletes its session. */
async function stop(world: World, random: Random, chat: Chat): Promise<void> {
  await delay(random.between(100, 2500))
  const [executionId] = chat.executionIds
  chat.isDeleted = chat.kind === 'delete'
  const [method, path] = chat.isDeleted
    ? (['DELETE', `/sessions/${chat.sessionId}`] as const)
    : (['POST', `/chat/executions/${executionId}/cancel`] as const)
  let api = random.between(0, 1)
  for (let tries = 0; tries < 5; tries++, api = other(api)) {
    const answer = await ask(world, api, chat.mode, path, { method, mayBeGone: chat.isDeleted })
    if ('response' in answer) return void answer.response.resume()
    await delay(RETRY_MS)
  }
}

/** The same call again when it is over: the same execution answers. */
async function repeat(world: World, random: Random, chat: Chat, body: Body, key: string): Promise<void> {
  const sent = await send(world, chat, body, random.between(0, 1), key)
  if ('response' in sent) await follow(world, { chat, first: sent.response, api: sent.api })
}

/** From the beginning, or from the middle, at either api. */
async function readAgain(world: World, random: Random, chat: Chat): Promise<void> {
  const [first] = chat.told
  const options = { chat, api: random.between(0, 1) }
  const again = random.chance(0.5)
    ? await follow(world, options)
    : await follow(world, { ...options, told: Told.from(Math.floor((first?.lastSeq ?? 0) / 2)) })
  if (first?.end !== undefined && again.end !== undefined && first.end.type !== again.end.type) {
    world.report.violated(
      'terminal',
      `${chat.kind} ${[...chat.executionIds][0]} ended in ${first.end.type}, and again in ${again.end.type}`
    )
  }
}

function judgeTwins({ report }: World, chat: Chat): void {
  const ends = new Set(chat.told.flatMap(({ end }) => (end === undefined ? [] : [end.type])))
  if (ends.size > 1)
    report.violated('terminal', `twins ${[...chat.executionIds][0]} ended in ${[...ends].join(' and ')}`)
}
