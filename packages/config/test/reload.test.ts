import fc from 'fast-check'
import t from 'tap'
import { API_GROUPS, loadEnv } from '../src/index.ts'

function start(text: string | undefined, environment: Record<string, string> = {}) {
  const file = { text }
  const env = loadEnv(API_GROUPS, { environment, directory: '/srv', readFile: () => file.text })
  return { env, file }
}

const NOTHING = { changed: [], refused: [], needRestart: [], warnings: [] }

t.test('an unchanged file does nothing, even with a warning in it', async (t) => {
  const { env } = start('CHAT_RUNTIME_PERCENT=5\nCHAT_NONSENSE=1')
  t.equal(env.warnings.length, 1)
  t.same(env.reload(), NOTHING)
})

t.test('a threshold that came from the file changes in place', async (t) => {
  const { env, file } = start('CHAT_RUNTIME_ERROR_RATE_THRESHOLD=0.5')
  const { values } = env
  file.text = 'CHAT_RUNTIME_ERROR_RATE_THRESHOLD="0.7"  # raised'
  t.same(env.reload().changed, [{ key: 'CHAT_RUNTIME_ERROR_RATE_THRESHOLD', from: '0.5', to: '0.7', origin: 'file' }])
  t.equal(values.CHAT_RUNTIME_ERROR_RATE_THRESHOLD, 0.7)
  t.same(env.reload(), NOTHING, 'a second reload has nothing to do')
})

t.test('a key that enters the file is taken, and one that leaves it gets its default', async (t) => {
  const { env, file } = start(undefined)
  file.text = 'CHAT_EXECUTION_MODE=runtime_orchestrator\nCHAT_RUNTIME_ENABLED_ORGS=acme'
  t.same(
    env.reload().changed.map(({ key, to }) => [key, to]),
    [
      ['CHAT_EXECUTION_MODE', 'runtime_orchestrator'],
      ['CHAT_RUNTIME_ENABLED_ORGS', 'acme']
    ]
  )
  t.equal(env.origins.CHAT_EXECUTION_MODE, 'file')
  file.text = ''
  env.reload()
  t.match(env.values, { CHAT_EXECUTION_MODE: 'direct_llm', CHAT_RUNTIME_ENABLED_ORGS: [] })
  t.equal(env.origins.CHAT_EXECUTION_MODE, 'default')
})

t.test(
  'a key that the environment set at boot never changes, even when the environment is changed later',
  async (t) => {
    const environment: Record<string, string> = { CHAT_RUNTIME_PERCENT: '10' }
    const { env, file } = start('CHAT_RUNTIME_PERCENT=20', environment)
    delete environment.CHAT_RUNTIME_PERCENT
    environment.CHAT_RUNTIME_SHADOW_PERCENT = '33'
    file.text = 'CHAT_RUNTIME_PERCENT=30'
    t.same(env.reload(), NOTHING)
    t.match(env.values, { CHAT_RUNTIME_PERCENT: 10, CHAT_RUNTIME_SHADOW_PERCENT: 0 })
  }
)

t.test('a bad value is refused and the old one stays; the good ones of the same file are taken', async (t) => {
  const { env, file } = start('CHAT_RUNTIME_ERROR_RATE_THRESHOLD=0.6\nCHAT_RUNTIME_PERCENT=10')
  file.text = 'CHAT_RUNTIME_ERROR_RATE_THRESHOLD=70\nCHAT_RUNTIME_PERCENT=50\nCHAT_RUNTIME_TIMEOUT_RATE_THRESHOLD="0.2'
  const { changed, refused } = env.reload()
  t.match(changed, [{ key: 'CHAT_RUNTIME_PERCENT', to: '50' }])
  t.same(refused.map(({ key }) => key).sort(), [
    'CHAT_RUNTIME_ERROR_RATE_THRESHOLD',
    'CHAT_RUNTIME_TIMEOUT_RATE_THRESHOLD'
  ])
  t.match(env.values, {
    CHAT_RUNTIME_ERROR_RATE_THRESHOLD: 0.6,
    CHAT_RUNTIME_PERCENT: 50,
    CHAT_RUNTIME_TIMEOUT_RATE_THRESHOLD: 0.3
  })
  file.text = 'CHAT_RUNTIME_ERROR_RATE_THRESHOLD=0.9'
  env.reload()
  t.equal(env.values.CHAT_RUNTIME_ERROR_RATE_THRESHOLD, 0.9, 'a corrected file is taken')
})

t.test('a key that is only read at boot is named and stays, secrets masked', async (t) => {
  const { env, file } = start('LLM_API_KEY=first-key\nAPI_PORT=3001')
  file.text = 'LLM_API_KEY=second-key\nAPI_PORT=3002\nLLM_MODEL=m2'
  const result = env.reload()
  t.same(result.changed, [])
  t.same(result.needRestart.map(({ key }) => key).sort(), ['API_PORT', 'LLM_API_KEY', 'LLM_MODEL', 'LLM_MODELS'])
  t.notMatch(JSON.stringify(result), /first-key|second-key/)
  t.match(env.values, { LLM_API_KEY: 'first-key', API_PORT: 3001, LLM_MODEL: 'simulator' })
})

t.test('a file that vanished or cannot be read changes nothing', async (t) => {
  const { env, file } = start('CHAT_RUNTIME_PERCENT=10')
  file.text = undefined
  t.match(env.reload(), { changed: [], refused: [{ key: 'ENV_FILE', expected: /still exists/ }] })
  const broken = loadEnv(API_GROUPS, {
    environment: {},
    readFile: (() => {
      let reads = 0
      return () => {
        reads += 1
        if (reads > 1) throw new Error('EACCES: permission denied')
        return 'CHAT_RUNTIME_PERCENT=10'
      }
    })()
  })
  t.match(broken.reload(), { changed: [], refused: [{ key: 'ENV_FILE', expected: /EACCES/ }] })
  t.equal(broken.values.CHAT_RUNTIME_PERCENT, 10)
})

t.test(
  'whatever the files say, the values after a reload are those of a fresh start wherever that is possible',
  async () => {
    const line = fc.oneof(
      fc.constantFrom('0', '0.25', '1', '2', 'x', '').map((value) => `CHAT_RUNTIME_ERROR_RATE_THRESHOLD=${value}`),
      fc.constantFrom('5', '99', '100', '101', '""').map((value) => `CHAT_RUNTIME_PERCENT=${value}`),
      fc.constantFrom('a,b', '', 'a b').map((value) => `CHAT_RUNTIME_ENABLED_ORGS=${value}`)
    )
    const text = fc.array(line, { maxLength: 4 }).map((lines) => lines.join('\n'))
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (texts) => {
        const { env, file } = start('')
        for (const text of texts) {
          if (text === file.text) continue
          const before = { ...env.values }
          file.text = text
          const { refused } = env.reload()
          const refusedKeys = new Set<string>(refused.map(({ key }) => key))
          const keep = text.split('\n').filter((entry) => !refusedKeys.has(entry.split('=')[0] ?? ''))
          const fresh = start(keep.join('\n')).env.values
          for (const key of Object.keys(before) as (keyof typeof before)[]) {
            const expected = refusedKeys.has(key) ? before[key] : fresh[key]
            if (JSON.stringify(env.values[key]) !== JSON.stringify(expected)) return false
          }
        }
        return true
      }),
      { numRuns: 200 }
    )
  }
)
