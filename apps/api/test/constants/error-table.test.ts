import { classifyFailure } from '@semibot/breaker'
import {
  ERROR_CLASS_TEXT,
  ERROR_CODES,
  ERROR_REMEDIES,
  ERROR_TABLE,
  type ErrorEvidence,
  EXECUTION_ERROR_CODES
} from '@semibot/chat-protocol'
import t from 'tap'
import { errorTable } from '../../src/openapi/error-table.ts'

const EVIDENCE: Record<ReturnType<typeof classifyFailure>, ErrorEvidence> = {
  ok: 'none',
  ignored: 'none',
  hard_error: 'unavailable',
  soft_error: 'error_rate',
  timeout: 'timeout_rate'
}

t.test('what the table says of the fallback is what the breaker does', async (t) => {
  for (const code of EXECUTION_ERROR_CODES) {
    t.equal(ERROR_TABLE[code].evidence, EVIDENCE[classifyFailure(code, 'runtime')], code)
  }
})

t.test('every code has a text, a sentence and a remedy in both languages', async (t) => {
  const texts = ERROR_CODES.map((code) => ERROR_TABLE[code].logText)
  t.equal(new Set(texts).size, ERROR_CODES.length, 'no text stands for two codes')
  for (const code of ERROR_CODES) {
    const { clientText, class: kind } = ERROR_TABLE[code]
    const remedy = ERROR_REMEDIES[code]
    t.match(clientText, /^[A-Z].*\.$/, code)
    t.ok(remedy.en.length > 10 && remedy.zh.length > 5 && !/[\n]/.test(remedy.en + remedy.zh), code)
    t.ok(ERROR_CLASS_TEXT[kind], code)
  }
})

t.test('the document of the api lists every code once', async (t) => {
  const rows = errorTable().split('\n').slice(2)
  t.strictSame(
    rows.map((row) => row.split('`')[1]),
    [...ERROR_CODES]
  )
  t.match(rows.join('\n'), '| `RUNTIME_OVERLOADED` | 429 | capacity | yes |')
})
