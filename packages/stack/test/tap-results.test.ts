import t from 'tap'
import { describeFailures } from '../src/test-run/tap-failures.ts'
import { judgePackage, sumResults } from '../src/test-run/tap-results.ts'

const ALLOWED = 'redis-server is missing on this machine'
const judge = (tap: string | undefined, allowedSkips: string[] = [], exitCode = 0) =>
  judgePackage({ name: 'p', tap, exitCode, allowedSkips })

t.test('numbers are those of the last summary, and missing ones are 0', async (t) => {
  t.match(judge('# { total: 9, pass: 1, fail: 8 }\nmore\n# { total: 61, pass: 61 }\n# time=5ms\n'), {
    passed: 61,
    failed: 0,
    problems: []
  })
  t.match(judge('# { total: 10, pass: 4, fail: 6 }\n'), { passed: 4, failed: 6 })
})

t.test('no file, no summary and no assertion are failures', async (t) => {
  t.match(judge(undefined), { passed: 0, failed: 1, problems: [/left no results/] })
  t.match(judge('TAP version 14\nok 1 - test/a.test.ts\n'), { passed: 0, failed: 1, problems: [/no summary/] })
  t.match(judge('# { total: 0 }\n'), { passed: 0, failed: 1, problems: [/no assertion/] })
})

t.test('a run that failed without a failed assertion is one failure', async (t) => {
  t.match(judge('# { total: 3, pass: 3 }\n', [], 1), { passed: 3, failed: 1, problems: [/killed or the coverage/] })
  t.match(judge('# { total: 3, pass: 2, fail: 1 }\n', [], 1), { passed: 2, failed: 1, problems: [] })
})

t.test('every skip and todo is a failure, except a skip for an allowed reason', async (t) => {
  const tap = [
    `    ok 2 - shared state # SKIP ${ALLOWED}`,
    '    ok 3 - later # TODO some day',
    '    ok 4 - off # SKIP',
    'ok 4 - test/none.test.ts # SKIP no tests found',
    '    ok 5 - a name with # in it # time=3ms',
    '# { total: 10, pass: 6, todo: 1, skip: 3 }'
  ].join('\n')
  t.match(judge(tap, [ALLOWED]), {
    passed: 6,
    failed: 3,
    problems: [
      '"later" is marked TODO (some day)',
      '"off" is marked SKIP',
      '"test/none.test.ts" is marked SKIP (no tests found)'
    ]
  })
  t.match(judge(tap), { failed: 4 })
})

t.test('the sum counts a failed run without failed assertions as one failure', async (t) => {
  const results = [judge('# { total: 3, pass: 3 }\n'), judge('# { total: 4, pass: 4 }\n')]
  t.same(sumResults(results, 0), { passed: 7, failed: 0 })
  t.same(sumResults(results, 1), { passed: 7, failed: 1 })
  t.same(sumResults([...results, judge('# { total: 4, pass: 2, fail: 2 }')], 1), { passed: 9, failed: 2 })
})

const FAILED = `TAP version 14
# Subtest: test/a.test.ts
    # Subtest: outer
        # Subtest: inner
            ok 1 - fine
            not ok 2 - should be equal
              ---
              diff: |
                -2
                +1
              ...
            
            1..2
        not ok 1 - inner # time=8.731ms
          ---
          at:
            lineNumber: 3
          ...
        
        not ok 2 - known # SKIP not here
    not ok 1 - outer # time=9ms
    
    not ok 2 - beside
not ok 1 - test/a.test.ts # time=25.947ms
  ---
  exitCode: 1
  ...

# Subtest: test/kill.test.ts
    ok 1 - should be equal
not ok 3 - test/kill.test.ts # time=772.376ms
  ---
  signal: SIGKILL
  ...

# { total: 5, pass: 2, fail: 3 }
`

t.test('failures are named by their path, the innermost only, with what TAP says about them', async (t) => {
  t.same(describeFailures(FAILED), [
    'test/a.test.ts > outer > inner > should be equal\n    diff: |\n      -2\n      +1',
    'test/a.test.ts > beside',
    'test/kill.test.ts\n    signal: SIGKILL'
  ])
  t.same(describeFailures('TAP version 14\nok 1 - a\n1..1\n'), [])
})

t.test('long diagnostics and endless failures are cut', async (t) => {
  const block = ['not ok 1 - a', '  ---', ...Array.from({ length: 80 }, (_, index) => `  line ${index}`), '  ...'].join(
    '\n'
  )
  t.equal(describeFailures(block)[0]?.split('\n').length, 32)
  t.equal(describeFailures(Array.from({ length: 80 }, (_, index) => `not ok ${index + 1} - x`).join('\n')).length, 50)
})
