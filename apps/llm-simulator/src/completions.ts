import type { IncomingMessage, ServerResponse } from 'node:http'
import { directiveNumber } from './answer/directives.ts'
import { planAnswer, readTurn } from './answer/plan-answer.ts'
import type { CallLog, Ending } from './control/call-log.ts'
import { type Fault, faultOf } from './control/fault.ts'
import type { Controls } from './control/settings.ts'
import { readCompletionRequest } from './wire/completion-request.ts'
import { completionBody, type FrameCache } from './wire/frames.ts'
import { errorOfStatus, OpenAiError } from './wire/openai-error.ts'
import { readJsonBody } from './wire/read-body.ts'
import { sendError, sendJson } from './wire/send.ts'
import { MAX_HANG_MS, type Pace, PacedWriter } from './wire/stream-answer.ts'

/** Most answers that may be open at once. */
export const MAX_OPEN_ANSWERS = 20_000

const MAX_WAIT_MS = 600_000
const HTML = '<!doctype html><html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>'

export interface CompletionsContext {
  controls: Controls
  log: CallLog
  frames: FrameCache
}

/** Answers one call exactly once in the log, whatever ends it first: us, a fault, or the caller's leaving. */
class Call {
  readonly #log: CallLog
  #ended: boolean = false
  #stop: (() => void) | undefined

  constructor(log: CallLog, response: ServerResponse) {
    this.#log = log
    response.once('close', () => {
      this.#stop?.()
      this.end('aborted')
    })
  }

  end(ending: Ending): void {
    if (this.#ended) return
    this.#ended = true
    this.#log.end(ending)
  }

  /** What is to stop when the caller leaves. */
  onLeave(stop: () => void): void {
    this.#stop = stop
  }
}

function checkKey(apiKey: string | null, authorization: string | undefined): void {
  if (apiKey !== null && authorization !== `Bearer ${apiKey}`) throw errorOfStatus(401)
}

/** Faults that leave nothing of the answer. Returns whether this was one. */
function sendFault(fault: Fault, call: Call, response: ServerResponse): boolean {
  if (fault.kind === 'status') {
    call.end('faulted')
    sendError(response, errorOfStatus(fault.status, fault.retryAfter))
    return true
  }
  if (fault.kind === 'html') {
    call.end('faulted')
    response.writeHead(200, { 'content-type': 'text/html', 'content-length': Buffer.byteLength(HTML) }).end(HTML)
    return true
  }
  if (fault.kind === 'hang') {
    const timer = setTimeout(() => response.destroy(), MAX_HANG_MS)
    call.onLeave(() => clearTimeout(timer))
    return true
  }
  return false
}

/** A whole answer, once as much time has passed as a model takes to write it. */
function sendWhole(body: string, waitMs: number, fault: Fault | undefined, call: Call, response: ServerResponse): void {
  const send = () => {
    if (fault === undefined || fault.kind === 'slow') {
      call.end('completed')
      sendJson(response, 200, body)
      return
    }
    if (fault.kind === 'stall') return
    call.end('faulted')
    if (fault.kind === 'error') {
      sendJson(response, 200, errorOfStatus(500).body)
      return
    }
    const half = body.slice(0, body.length / 2)
    if (fault.kind === 'garbage' || fault.kind === 'end') {
      sendJson(response, 200, half)
      return
    }
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    response.write(half, () => {
      if (fault.kind === 'reset') response.socket?.resetAndDestroy()
      else response.destroy()
    })
  }
  if (waitMs === 0) {
    send()
    return
  }
  const timer = setTimeout(send, Math.min(waitMs, MAX_WAIT_MS))
  call.onLeave(() => clearTimeout(timer))
}

async function answer(
  context: CompletionsContext,
  number: number,
  call: Call,
  request: IncomingMessage,
  response: ServerResponse
): Promise<void> {
  const { controls, log, frames } = context
  const { settings } = controls
  checkKey(settings.apiKey, request.headers.authorization)
  const completion = readCompletionRequest(await readJsonBody(request))
  log.keep(number, completion, request.headers)
  if (log.stats.open > MAX_OPEN_ANSWERS) throw errorOfStatus(503, 1)

  const turn = readTurn(completion.messages)
  const { directives } = turn
  const fault = faultOf(directives) ?? controls.nextFault(turn.question)
  if (fault !== undefined && sendFault(fault, call, response)) return

  const planned = planAnswer(completion, turn, {
    length: settings.length ?? undefined,
    vary: settings.vary,
    call: number
  })
  log.toolsCalled(planned.toolCalls.length)
  const withUsage = settings.usage && !directives.has('nousage')
  const pace: Pace = {
    firstTokenMs: directiveNumber(directives, 'delay', settings.firstTokenMs, MAX_WAIT_MS),
    gapMs: directiveNumber(directives, 'gap', settings.gapMs, 60_000)
  }
  if (!completion.stream) {
    const gapMs = fault?.kind === 'slow' ? fault.gapMs : pace.gapMs
    const waitMs = pace.firstTokenMs + gapMs * Math.max(0, planned.tokens.length - 1)
    sendWhole(completionBody(completion, planned, withUsage), waitMs, fault, call, response)
    return
  }
  if (response.socket === null || request.httpVersion !== '1.1') {
    throw new OpenAiError(400, 'A streamed answer needs HTTP/1.1 without pipelining.')
  }
  const broken = fault !== undefined && fault.kind !== 'slow'
  const writer = new PacedWriter(response, frames.framesOf(completion, planned, withUsage), pace, fault, () =>
    call.end(broken ? 'faulted' : 'completed')
  )
  call.onLeave(() => writer.stop())
  writer.start()
}

/** `POST /v1/chat/completions`. */
export async function handleCompletion(
  context: CompletionsContext,
  request: IncomingMessage,
  response: ServerResponse
): Promise<void> {
  const number = context.log.start()
  const call = new Call(context.log, response)
  try {
    await answer(context, number, call, request, response)
  } catch (error) {
    call.end('rejected')
    sendError(response, error)
  }
}
