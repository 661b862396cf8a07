import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { z } from 'zod'
import { type CompletionsContext, handleCompletion } from './completions.ts'
import { CallLog } from './control/call-log.ts'
import { Controls, controlSchema, defaultSettings } from './control/settings.ts'
import { FrameCache } from './wire/frames.ts'
import { OpenAiError } from './wire/openai-error.ts'
import { readJsonBody } from './wire/read-body.ts'
import { sendError, sendJson } from './wire/send.ts'

const MODELS = ['simulator', 'simulator-small', 'simulator-large'].map((id) => ({
  id,
  object: 'model',
  created: 1_700_000_000,
  owned_by: 'simulator'
}))

/** Longer than any client keeps an idle connection, so that never the server closes one that is about to be used. */
const KEEP_ALIVE_MS = 120_000

export interface SimulatorOptions {
  /** Time to the first piece of an answer. */
  firstTokenMs: number
  /** Time between the pieces. */
  gapMs: number
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

async function readControl(request: IncomingMessage) {
  const parsed = controlSchema.safeParse((await readJsonBody(request)) ?? {})
  if (parsed.success) return parsed.data
  throw new OpenAiError(400, z.prettifyError(parsed.error))
}

function model(id: string, response: ServerResponse): void {
  const found = MODELS.find((candidate) => candidate.id === id)
  if (found === undefined) {
    throw new OpenAiError(404, `The model '${id.slice(0, 100)}' does not exist.`, { code: 'model_not_found' })
  }
  sendJson(response, 200, JSON.stringify(found))
}

function routes(context: CompletionsContext): Map<string, Handler> {
  const { controls, log } = context
  const json = (response: ServerResponse, value: unknown) => sendJson(response, 200, JSON.stringify(value))
  return new Map<string, Handler>([
    ['POST /v1/chat/completions', (request, response) => handleCompletion(context, request, response)],
    ['GET /v1/models', (_request, response) => json(response, { object: 'list', data: MODELS })],
    ['GET /health', (_request, response) => json(response, { status: 'healthy' })],
    ['GET /control', (_request, response) => json(response, controls.settings)],
    [
      'POST /control',
      async (request, response) => {
        controls.change(await readControl(request))
        json(response, controls.settings)
      }
    ],
    [
      'POST /control/reset',
      (_request, response) => {
        controls.reset()
        log.reset()
        json(response, controls.settings)
      }
    ],
    ['GET /control/stats', (_request, response) => json(response, log.stats)],
    ['GET /control/calls', (_request, response) => json(response, log.calls)]
  ])
}

/** The simulator as an HTTP server that does not listen yet. */
export function createSimulator(options: SimulatorOptions): Server {
  const handlers = routes({
    controls: new Controls(defaultSettings(options.firstTokenMs, options.gapMs)),
    log: new CallLog(),
    frames: new FrameCache()
  })

  const handle: Handler = (request, response) => {
    const url = request.url ?? '/'
    const end = url.indexOf('?')
    const path = end === -1 ? url : url.slice(0, end)
    const handler = handlers.get(`${request.method} ${path}`)
    if (handler !== undefined) return handler(request, response)
    if (request.method === 'GET' && path.startsWith('/v1/models/'))
      return model(path.slice('/v1/models/'.length), response)
    throw new OpenAiError(404, `Invalid URL (${request.method} ${path.slice(0, 200)})`)
  }

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, async (request, response) => {
    try {
      await handle(request, response)
    } catch (error) {
      sendError(response, error)
    }
  })
  server.maxRequestsPerSocket = 0
  return server
}
