import { EXECUTION_ERROR_CODES, type ExecutionErrorCode } from '@semibot/chat-protocol'
import { EventStreamError } from '@semibot/chat-protocol/event-stream'
import { ExecutionError } from './chat-executor.ts'
import type { RuntimeTimer } from './runtime-timers.ts'

const EXECUTION_CODES: ReadonlySet<string> = new Set(EXECUTION_ERROR_CODES)

/** The instance goes away in good order; the execution can go on elsewhere. */
export class RuntimeInterrupted extends ExecutionError {
  constructor() {
    super('RUNTIME_UNAVAILABLE', 'runtime', 'The runtime is shutting down.')
    this.name = 'RuntimeInterrupted'
  }
}

/** The instance would go on with a text that the client cannot be brought to: it must be ended elsewhere, at no fault of its own. */
export class TextNotTakenBack extends ExecutionError {
  constructor() {
    super('RUNTIME_UNAVAILABLE', 'runtime', 'The answer was interrupted, and its unfinished part cannot be taken back.')
    this.name = 'TextNotTakenBack'
  }
}

/** The code of a failed event of the runtime; what is no execution's code becomes the nearest that is. */
export function toExecutionCode(code: string): ExecutionErrorCode {
  if (EXECUTION_CODES.has(code)) return code as ExecutionErrorCode
  return code === 'SHUTTING_DOWN' ? 'RUNTIME_UNAVAILABLE' : 'RUNTIME_INTERNAL'
}

/** The runtime answered, but not as the protocol says. */
export function protocolError(message: string, cause?: unknown): ExecutionError {
  return new ExecutionError('RUNTIME_PROTOCOL', 'runtime', message, { cause })
}

/** One of the api's own limits of waiting ran out. */
export function timerError(timer: RuntimeTimer): ExecutionError {
  switch (timer) {
    case 'answer':
    case 'accept':
      return new ExecutionError('RUNTIME_UNAVAILABLE', 'runtime', 'The runtime did not accept the execution in time.')
    case 'stall':
    case 'end':
      return new ExecutionError('RUNTIME_STALLED', 'runtime', 'The runtime has stopped answering.')
    case 'deadline':
      return new ExecutionError('RUNTIME_TIMEOUT', 'runtime', 'The execution took too long.')
  }
}

/** What a failed call says about the runtime. Errors that are none of the transport's pass unchanged. */
export function toExecutionError(error: unknown): unknown {
  if (!(error instanceof EventStreamError)) return error
  const { retryAfterMs } = error
  const make = (code: ExecutionErrorCode, message: string) =>
    new ExecutionError(code, 'runtime', message, { cause: error, retryAfterMs })
  switch (error.kind) {
    case 'connect':
      return make('RUNTIME_UNAVAILABLE', 'The runtime cannot be reached.')
    case 'reset':
      return make('RUNTIME_UNAVAILABLE', 'The connection to the runtime was lost.')
    case 'status':
      return fromStatus(error.status ?? 0, make)
    default:
      return make('RUNTIME_PROTOCOL', 'The runtime sent something that is no event stream.')
  }
}

function fromStatus(status: number, make: (code: ExecutionErrorCode, message: string) => ExecutionError) {
  if (status === 503 || status === 429) return make('RUNTIME_OVERLOADED', 'The runtime takes no more executions.')
  if (status === 401 || status === 403) return make('RUNTIME_INTERNAL', 'The runtime refused the service token.')
  if (status >= 400 && status < 500) return make('RUNTIME_PROTOCOL', 'The runtime refused the request.')
  return make('RUNTIME_INTERNAL', 'The runtime answered with an error.')
}
