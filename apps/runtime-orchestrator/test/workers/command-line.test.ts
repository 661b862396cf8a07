import t from 'tap'
import { readCommandLine } from '../../src/workers/command-line.ts'

t.test('options become keys of the environment', async (t) => {
  t.same(readCommandLine([], '1.0.0'), { kind: 'run', environment: {} })
  t.same(readCommandLine(['--workers', '4', '--port=8001', '--host', '0.0.0.0', '--log-file', '/l.log'], '1.0.0'), {
    kind: 'run',
    environment: { RUNTIME_WORKERS: '4', RUNTIME_PORT: '8001', RUNTIME_HOST: '0.0.0.0', LOG_FILE: '/l.log' }
  })
})

t.test('help and version are printed, and nothing runs', async (t) => {
  t.match(readCommandLine(['--help', '--workers', '2'], '1.0.0'), {
    kind: 'print',
    text: /--workers N +worker processes that share the port \(RUNTIME_WORKERS\)/
  })
  t.match(readCommandLine(['-h'], '1.0.0'), { kind: 'print', text: /SIGTERM/ })
  t.same(readCommandLine(['--version'], '1.2.3'), { kind: 'print', text: '1.2.3\n' })
})

for (const [words, says] of [
  [['--wrkers', '4'], /^Unknown option '--wrkers'\. semibot-runtime --help lists the options\.$/],
  [['--workers'], /^Option '--workers <value>' argument missing\./],
  [['start'], /^Unexpected argument 'start'\./]
] as const) {
  t.test(`${words.join(' ')} is refused with a reason`, async (t) => {
    t.match(readCommandLine(words, '1.0.0'), { kind: 'wrong', message: says })
  })
}
