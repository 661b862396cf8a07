import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import t from 'tap'
import { banner } from '../src/stack/banner.ts'
import { devVariables, quote, writeDevEnv } from '../src/stack/dev-env.ts'
import { formatLine } from '../src/stack/log-view.ts'
import type { Stack } from '../src/stack/types.ts'

function fakeStack(home: string, urls: Partial<Stack['urls']> = {}): Stack {
  return {
    home,
    urls: {
      api: ['http://127.0.0.1:3001'],
      runtime: ['http://127.0.0.1:8000'],
      database: 'postgres://semibot:p%40ss@127.0.0.1:55432/semibot',
      redis: 'redis://:secret@127.0.0.1:6379',
      ...urls
    },
    runtimeOrg: { id: '1', slug: 'dev-runtime', apiKey: "sb_1_it's" },
    directOrg: { id: '2', slug: 'dev-direct', apiKey: 'sb_2_x' },
    adminToken: 'token',
    plan: {
      simulator: { name: 'simulator', port: 4010, url: 'http://127.0.0.1:4010' },
      values: { LLM_MODEL: 'big', LLM_BASE_URL: 'http://model/v1' }
    }
  } as unknown as Stack
}

t.test('dev.env can be sourced, gives exactly these variables, and is for its owner only', async (t) => {
  const path = writeDevEnv(fakeStack(t.testdir()))
  t.equal(statSync(path).mode & 0o777, 0o600)
  const keys = [...readFileSync(path, 'utf8').matchAll(/^export ([A-Z_]+)=/gm)].map((match) => match[1] as string)
  const script = `. '${path}'; ${keys.map((key) => `printf '%s\\n' "$${key}"`).join('; ')}`
  const values = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).split('\n')
  t.same(Object.fromEntries(keys.map((key, index) => [key, values[index]])), {
    BASE_URL: 'http://127.0.0.1:3001',
    RUNTIME_URL: 'http://127.0.0.1:8000',
    API_KEY: "sb_1_it's",
    API_KEY_DIRECT: 'sb_2_x',
    ADMIN_TOKEN: 'token',
    PGHOST: '127.0.0.1',
    PGPORT: '55432',
    PGUSER: 'semibot',
    PGPASSWORD: 'p@ss',
    PGDATABASE: 'semibot',
    REDISCLI_AUTH: 'secret'
  })
})

t.test('a server of the user is described for psql too', async (t) => {
  const variables = devVariables(
    fakeStack('/x', { database: 'postgres://me@/chat?host=/run/postgresql', redis: 'redis://127.0.0.1:6379' })
  )
  t.match(variables, { PGHOST: '/run/postgresql', PGPORT: '5432', PGUSER: 'me', PGDATABASE: 'chat' })
  t.notHas(variables, { REDISCLI_AUTH: String })
  t.match(devVariables(fakeStack('/x', { database: 'postgres://u:p@[::1]:5/db' })), { PGHOST: '::1', PGPORT: '5' })
})

t.test('the screen says how to chat in both modes, and how to use a real model', async (t) => {
  const text = banner(fakeStack('/state'), "/it's/dev.env")
  t.match(text, "source '/it'\\''s/dev.env'")
  t.match(text, /\$API_KEY"[\s\S]*\$API_KEY_DIRECT"/)
  t.match(text, 'LLM_BASE_URL=http://host/v1 LLM_API_KEY=... LLM_MODEL=... npm start')
  const real = fakeStack('/state')
  delete (real.plan as { simulator?: unknown }).simulator
  t.match(banner(real, '/x'), 'The answers come from big at http://model/v1.')
})

t.test('quoted text comes out of a shell as it was', async (t) => {
  for (const text of ["it's", '$HOME `x` "y" \\', '回退 状态', '']) {
    t.equal(execFileSync('/bin/sh', ['-c', `printf %s ${quote(text)}`], { encoding: 'utf8' }), text)
  }
})

const view = { color: false, width: 8 }

t.test('a JSON line is shown as time, level, text and fields', async (t) => {
  const time = new Date(2026, 0, 2, 3, 4, 5, 6).getTime()
  t.equal(
    formatLine(
      'api',
      JSON.stringify({
        level: 30,
        time,
        pid: 1,
        orgId: 'a b',
        mode: 'direct_llm',
        usage: { n: 1 },
        none: null,
        msg: '执行完成 耗时: 5ms'
      }),
      view
    ),
    'api      03:04:05.006 INFO  执行完成 耗时: 5ms orgId="a b" mode=direct_llm usage={"n":1}'
  )
  t.match(
    formatLine('api', JSON.stringify({ level: 50, time, msg: 'x' }), { color: true, width: 3 }),
    '\u001b[31mERROR\u001b[0m'
  )
  t.match(formatLine('api', '{"level":"warn","time":"2026-01-02T03:04:05.006Z","msg":"x"}', view), / WARN {2}x$/)
  const failed = formatLine(
    'api',
    JSON.stringify({
      level: 50,
      time,
      err: { message: 'no table', stack: 'Error: no table\n    at a.ts:1\n    at b.ts:2' },
      msg: 'x'
    }),
    view
  )
  t.match(failed, 'err="no table" \n        at a.ts:1')
})

t.test('any other line is shown as it is', async (t) => {
  for (const line of ['plain', '{"no":"level"}', '{broken', ''])
    t.equal(formatLine('api', line, view), `api      ${line}`)
  t.match(formatLine('api', '{"level":30,"time":"never","msg":"x"}', view), /^api {6} INFO {2}x$/)
})

t.test('nothing in a line can steer the terminal', async (t) => {
  const evil = '\u001b[2J\u0007\r\u009b1m\u202eabc\u2066\n'
  const shown = formatLine('api', JSON.stringify({ level: 30, time: 0, msg: evil, user: evil, object: { evil } }), view)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  t.notMatch(shown, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
  t.match(shown, '\\x1b[2J\\x07\\x0d\\x9b1m\\u202eabc\\u2066\\x0a')
  t.notMatch(formatLine('api', evil.trim(), view), '\u001b')
})
