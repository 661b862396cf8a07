import { ERROR_ORIGINS, EXECUTION_ERROR_CODES, type ExecutionErrorCode } from '@semibot/chat-protocol'
import t from 'tap'
import { classifyError, classifyFailure, OUTCOME_CLASSES, type OutcomeClass } from '../src/index.ts'

const OF_THE_RUNTIME: Record<ExecutionErrorCode, OutcomeClass> = {
  RUNTIME_UNAVAILABLE: 'hard_error',
  RUNTIME_STALLED: 'hard_error',
  RUNTIME_TIMEOUT: 'timeout',
  RUNTIME_OVERLOADED: 'ignored',
  RUNTIME_PROTOCOL: 'soft_error',
  RUNTIME_INTERNAL: 'soft_error',
  RUNTIME_DEPENDENCY: 'soft_error',
  LLM_RATE_LIMITED: 'ignored',
  LLM_UNAVAILABLE: 'ignored',
  LLM_REJECTED: 'ignored',
  TOOL_FAILED: 'ignored',
  LIMIT_EXCEEDED: 'ignored',
  DEADLINE_EXCEEDED: 'timeout'
}

t.test('every code of the runtime has its class', (t) => {
  for (const code of EXECUTION_ERROR_CODES) t.equal(classifyFailure(code, 'runtime'), OF_THE_RUNTIME[code], code)
  t.same(new Set(Object.keys(OF_THE_RUNTIME)), new Set(EXECUTION_ERROR_CODES), 'the table is complete')
  t.end()
})

t.test('what is not of the runtime is ignored, whatever its code', (t) => {
  for (const origin of ERROR_ORIGINS) {
    if (origin === 'runtime') continue
    for (const code of EXECUTION_ERROR_CODES) t.equal(classifyFailure(code, origin), 'ignored', `${code} of ${origin}`)
  }
  t.end()
})

t.test('thrown values are classified by code and origin, and anything else says nothing', (t) => {
  const failure = (code: unknown, origin: unknown) => Object.assign(new Error('x'), { code, origin })
  const cases: [string, unknown, OutcomeClass][] = [
    ['a failed execution', failure('RUNTIME_INTERNAL', 'runtime'), 'soft_error'],
    ['an unknown code', failure('ECONNREFUSED', 'runtime'), 'ignored'],
    ['a name of Object.prototype', failure('toString', 'runtime'), 'ignored'],
    ['no origin', failure('RUNTIME_INTERNAL', undefined), 'ignored'],
    ['an abort', new DOMException('aborted', 'AbortError'), 'ignored'],
    ['a mistake of ours', new TypeError('x is not a function'), 'ignored'],
    ['null', null, 'ignored'],
    ['a text', 'RUNTIME_INTERNAL', 'ignored']
  ]
  for (const [name, error, expected] of cases) t.equal(classifyError(error), expected, name)
  for (const [, , outcome] of cases) t.ok(OUTCOME_CLASSES.includes(outcome))
  t.end()
})
