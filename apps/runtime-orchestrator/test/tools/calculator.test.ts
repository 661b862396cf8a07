import fc from 'fast-check'
import t from 'tap'
import { evaluate } from '../../src/tools/calculator/evaluate.ts'
import { format } from '../../src/tools/calculator/format.ts'
import { CalculatorError } from '../../src/tools/calculator/value.ts'
import { calculator } from '../../src/tools/calculator.ts'
import { ToolError } from '../../src/tools/tool.ts'
import { toolContext } from '../helpers/tool-context.ts'

const RESULTS: [expression: string, result: string][] = [
  ['17*23', '391'],
  ['0.1 + 0.2', '0.3'],
  ['1 - 0.9', '0.1'],
  ['-2^2', '-4'],
  ['(-2)^2', '4'],
  ['2^-1', '0.5'],
  ['2^3^2', '512'],
  ['2**10', '1024'],
  ['10 / 4', '2.5'],
  ['1/3', '0.333333333333333'],
  ['1/3*3', '1'],
  ['7 % 3', '1'],
  ['-7 % 3', '-1'],
  ['5.5 % 2', '1.5'],
  ['--3', '3'],
  ['+3', '3'],
  ['12345678901234567890 * 98765432109876543210', '1219326311370217952237463801111263526900'],
  ['2^200', '1606938044258990275541962092341162602522202993782792835301376'],
  ['10^-5', '0.00001'],
  ['-1/8', '-0.125'],
  ['1e3', '1000'],
  ['.5', '0.5'],
  ['3.', '3'],
  ['1.5E-2', '0.015'],
  ['0^0', '1'],
  ['1^99999999999999999999', '1'],
  ['(-1)^99999', '-1'],
  ['0^5', '0'],
  ['sqrt(144)', '12'],
  ['sqrt(0.25)', '0.5'],
  ['sqrt(2)', '1.4142135623731'],
  ['4^0.5', '2'],
  ['8^(1/3)', '2'],
  ['abs(-7/2)', '3.5'],
  ['floor(-2.5)', '-3'],
  ['ceil(-2.5)', '-2'],
  ['round(2.5)', '3'],
  ['round(-2.5)', '-3'],
  ['floor(pi)', '3'],
  ['round(-pi)', '-3'],
  ['min(3, -1, 2)', '-1'],
  ['max(1/3, 0.33)', '0.333333333333333'],
  ['max(pi, 3)', '3.14159265358979'],
  ['ln(e)', '1'],
  ['log(1000)', '3'],
  ['log2(8)', '3'],
  ['exp(0)', '1'],
  ['sin(0) + cos(0) + tan(0)', '1'],
  ['PI', '3.14159265358979'],
  ['6 × 7 ÷ 2 − 1', '20'],
  ['（1 + 2）* 3', '9'],
  ['max（1，2）', '2'],
  ['-pi * 2', '-6.28318530717959'],
  ['pi % 2', '1.14159265358979'],
  ['1 / pi', '0.318309886183791'],
  ['2^pi', '8.82497782707629'],
  ['1e400 / 1e399', '10'],
  ['ln(1e400 / 1e399)', '2.30258509299405']
]

const FAILURES: [expression: string, message: RegExp][] = [
  ['', /ends too early/],
  ['1 +', /ends too early/],
  ['(1', /expected "\)" but found the end at character 3/],
  ['1)', /unexpected "\)" at character 2/],
  ['3 4', /unexpected "4" at character 3/],
  ['2 $ 2', /unexpected "\$" at character 3/],
  ['１', /unexpected "１" at character 1/],
  ['2 😀', /unexpected "😀" at character 3/],
  ['*2', /unexpected "\*" at character 1/],
  ['foo(1)', /unknown name "foo" at character 1; known: sqrt, abs/],
  ['process.exit()', /unknown name "process"|unexpected "\."/],
  ['sqrt', /expected "\(" but found the end/],
  ['sqrt(1, 2)', /sqrt takes 1 argument\(s\), not 2/],
  ['min()', /unexpected "\)"/],
  ['1/0', /division by zero/],
  ['1/(2-2)', /division by zero/],
  ['1 % 0', /division by zero/],
  ['pi / 0', /division by zero/],
  ['0^-1', /division by zero/],
  ['9^9^9', /too large/],
  ['2^99999999999999999999', /too large/],
  ['1e99999', /too large/],
  ['1e9999', /too large/],
  ['exp(1000)', /too large/],
  ['10^600 * 10^700', /too large/],
  ['(1e400)^1.5', /too large/],
  ['sqrt(-1)', /square root of a negative number/],
  ['(-8)^(1/3)', /not defined/],
  ['ln(0)', /needs a number above zero/],
  ['log(-1)', /needs a number above zero/],
  [`${'('.repeat(100)}1${')'.repeat(100)}`, /more than 60 levels deep/],
  ['-'.repeat(200), /more than 60 levels deep/],
  ['1+'.repeat(600), /has 1200 characters; at most 1000/]
]

t.test('the calculator', async (t) => {
  for (const [expression, result] of RESULTS)
    t.equal(format(evaluate(expression)).text, result, `computes ${expression} = ${result.slice(0, 40)}`)

  for (const [expression, message] of FAILURES)
    t.throws(() => evaluate(expression), { name: 'CalculatorError', message }, `refuses ${expression.slice(0, 40)}`)

  t.same(
    ['1/4', '1/3', 'pi', '2^0.5'].map((expression) => format(evaluate(expression)).exact),
    [true, false, false, false],
    'says whether a result is exact'
  )
})

t.test('whole-number expressions come out as big integers do', async (t) => {
  const term = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n })
  const property = fc.property(term, term, term, (a, b, c) => {
    const { text } = format(evaluate(`(${a}) * (${b}) - (${c})`))
    return text === String(a * b - c)
  })
  fc.assert(property, { numRuns: 300 })
  t.pass('for 300 triples')
})

t.test('a quotient times its divisor is the dividend again', async (t) => {
  const number = fc.integer({ min: -1_000_000, max: 1_000_000 }).filter((value) => value !== 0)
  const property = fc.property(
    number,
    number,
    (a, b) => format(evaluate(`(${a}) / (${b}) * (${b})`)).text === String(a)
  )
  fc.assert(property, { numRuns: 300 })
  t.pass('for 300 pairs')
})

t.test('no text makes it throw anything else than a CalculatorError, or take long', async (t) => {
  const piece = fc.constantFrom(...'0123456789.+-*/%^(),eEpi '.split(''), 'sqrt(', 'max(', '**', '1e9', '^9')
  const text = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(''))
  )
  let slowestMs = 0
  const property = fc.property(text, (expression) => {
    const started = performance.now()
    try {
      format(evaluate(expression))
    } catch (error) {
      if (!(error instanceof CalculatorError)) throw error
    }
    slowestMs = Math.max(slowestMs, performance.now() - started)
  })
  fc.assert(property, { numRuns: 3_000 })
  t.ok(slowestMs < 500, `the slowest of 3000 took ${slowestMs.toFixed(1)} ms`)
})

t.test('the tool', async (t) => {
  t.equal(await calculator.execute({ expression: '17*23' }, toolContext()), '391', 'answers with the number alone')
  await t.rejects(
    calculator.execute({ expression: '1/0' }, toolContext()),
    new ToolError('TOOL_INPUT_INVALID', 'division by zero'),
    'says what is wrong with an expression'
  )
})
