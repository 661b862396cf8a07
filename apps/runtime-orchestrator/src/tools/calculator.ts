import { z } from 'zod'
import { evaluate } from './calculator/evaluate.ts'
import { format } from './calculator/format.ts'
import { MAX_EXPRESSION_LENGTH } from './calculator/tokenize.ts'
import { CalculatorError } from './calculator/value.ts'
import { defineTool, ToolError } from './tool.ts'

/** Arithmetic, exact wherever the result is a fraction of whole numbers. */
export const calculator = defineTool({
  name: 'calculator',
  description:
    'Computes an arithmetic expression exactly. Operators: + - * / % (remainder) ^ (power), parentheses. ' +
    'Functions: sqrt, abs, floor, ceil, round, min, max, ln, log (base 10), log2, exp, sin, cos, tan (radians). ' +
    'Constants: pi, e. Example: (17*23 + 4)/2^3',
  source: 'builtin',
  effect: 'none',
  timeoutMs: 1_000,
  maxOutputBytes: 2_048,
  inputSchema: z.object({
    expression: z.string().min(1).max(MAX_EXPRESSION_LENGTH).describe('The expression, for example "17*23"')
  }),
  execute: async ({ expression }) => {
    try {
      return format(evaluate(expression)).text
    } catch (error) {
      if (error instanceof CalculatorError) throw new ToolError('TOOL_INPUT_INVALID', error.message, { cause: error })
      throw error
    }
  }
})
