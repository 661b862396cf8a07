import t from 'tap'
import { Controls, defaultSettings } from '../src/control/settings.ts'
import { ask, startSimulator } from './fixtures/simulator.ts'

/** Number of pieces of text in the bytes of a stream, and how reading it ended. */
async function read(response: Response): Promise<{ pieces: number; text: string; broken: boolean }> {
  let text = ''
  let broken = false
  try {
    for await (const piece of response.body!) text += Buffer.from(piece).toString()
  } catch {
    broken = true
  }
  return { pieces: text.match(/"delta":\{"content"/g)?.length ?? 0, text, broken }
}

t.test('a status fault answers with that error, and with Retry-After when told', async (t) => {
  const simulator = await startSimulator(t)
  const cases: [string, number, string | null, object][] = [
    ['[[sim:429]]', 429, null, { code: 'rate_limit_exceeded' }],
    ['[[sim:429 retry-after=2]]', 429, '2', { code: 'rate_limit_exceeded' }],
    ['[[sim:500]]', 500, null, { type: 'server_error' }],
    ['[[sim:503 retry-after=0]]', 503, '0', { type: 'server_error' }],
    ['[[sim:400]]', 400, null, { type: 'invalid_request_error' }],
    ['[[sim:401]]', 401, null, { code: 'invalid_api_key' }]
  ]
  for (const [directive, status, retryAfter, error] of cases) {
    for (const stream of [true, false]) {
      const response = await simulator.complete({ ...ask(`${directive} hi`), stream })
      t.equal(response.status, status, directive)
      t.equal(response.headers.get('retry-after'), retryAfter)
      t.match(await response.json(), { error })
    }
  }
  t.match(await simulator.stats(), { faulted: 2 * cases.length, open: 0, completed: 0 })
})

t.test('html is a 200 that no client expects', async (t) => {
  const simulator = await startSimulator(t)
  const response = await simulator.complete({ ...ask('[[sim:html]]'), stream: true })
  t.equal(response.status, 200)
  t.equal(response.headers.get('content-type'), 'text/html')
  t.match(await response.text(), /<!doctype html>/)
})

t.test('cut and reset break the connection after as many pieces as told', async (t) => {
  const simulator = await startSimulator(t)
  for (const [kind, gap] of [
    ['cut', 0],
    ['reset', 2],
    ['cut', 2]
  ] as const) {
    for (const after of [1, 5]) {
      const response = await simulator.complete({ ...ask(`[[sim:${kind}=${after} gap=${gap}]] hi`), stream: true })
      const { pieces, broken } = await read(response)
      t.ok(broken, `${kind} after ${after}`)
      t.ok(pieces <= after, `${pieces} pieces`)
      // A reset may throw away what the reader has not taken from its buffer yet.
      if (kind === 'cut') t.equal(pieces, after)
    }
  }
  await t.rejects(async () => (await simulator.complete({ ...ask('[[sim:cut]] hi'), stream: true })).text())
  await t.rejects(async () => (await simulator.complete(ask('[[sim:cut]] hi'))).text())
  await t.rejects(async () => (await simulator.complete(ask('[[sim:reset]] hi'))).text())
  t.match(await simulator.stats(), { faulted: 9, aborted: 0, open: 0 })
})

t.test('end, error and garbage keep HTTP whole and break what is in it', async (t) => {
  const simulator = await startSimulator(t)
  const run = async (directive: string) =>
    read(await simulator.complete({ ...ask(`[[sim:${directive}]] hi`), stream: true }))
  const end = await run('end=3')
  t.match({ pieces: end.pieces, broken: end.broken }, { pieces: 3, broken: false })
  t.notMatch(end.text, /finish_reason":"|\[DONE\]/)
  const error = await run('error=2')
  t.match({ pieces: error.pieces, broken: error.broken }, { pieces: 2, broken: false })
  t.match(error.text, /data: \{"error":\{"message"/)
  const garbage = await run('garbage=1')
  t.match({ pieces: garbage.pieces, broken: garbage.broken }, { pieces: 1, broken: false })
  t.match(garbage.text, /<html>/)

  for (const directive of ['end', 'garbage']) {
    const body = await (await simulator.complete(ask(`[[sim:${directive}]] hi`))).text()
    t.throws(() => JSON.parse(body), directive)
  }
  t.match(await (await simulator.complete(ask('[[sim:error]] hi'))).json(), { error: { type: 'server_error' } })
})

t.test('hang and stall keep the caller waiting until it leaves, and count it as aborted', async (t) => {
  const simulator = await startSimulator(t)
  for (const [body, pieces] of [
    [{ ...ask('[[sim:hang]] hi'), stream: true }, 0],
    [ask('[[sim:hang]] hi'), 0],
    [ask('[[sim:stall]] hi'), 0],
    [{ ...ask('[[sim:stall=2]] hi'), stream: true }, 2]
  ] as const) {
    const before = await simulator.stats()
    const controller = new AbortController()
    const answer = simulator.complete(body, { signal: controller.signal })
    if (pieces > 0) {
      const reader = (await answer).body!.getReader()
      let text = ''
      while ((text.match(/"content":"[^"]/g)?.length ?? 0) < pieces) {
        text += Buffer.from((await reader.read()).value!).toString()
      }
    }
    await simulator.until((stats) => stats.open === 1)
    controller.abort()
    await Promise.allSettled([answer])
    await simulator.until((stats) => stats.open === 0 && stats.aborted === before.aborted + 1)
  }
  t.match(await simulator.stats(), { aborted: 4, completed: 0, faulted: 0 })
})

t.test('a caller that leaves in the middle is counted at once and nothing is written any more', async (t) => {
  const simulator = await startSimulator(t)
  for (const body of [
    { ...ask('[[sim:length=1000 gap=5]] hi'), stream: true },
    { ...ask('[[sim:delay=60000]] hi'), stream: true },
    ask('[[sim:delay=60000]] hi')
  ]) {
    const controller = new AbortController()
    const answer = simulator.complete(body, { signal: controller.signal })
    await simulator.until((stats) => stats.open === 1)
    controller.abort()
    await Promise.allSettled([answer])
    await simulator.until((stats) => stats.open === 0)
  }
  t.match(await simulator.stats(), { started: 3, aborted: 3 })
})

t.test('slow only takes its time', async (t) => {
  const simulator = await startSimulator(t)
  const begun = performance.now()
  const { broken, text } = await read(await simulator.complete({ ...ask('[[sim:slow=20 length=4]] hi'), stream: true }))
  t.notOk(broken)
  t.match(text, /\[DONE\]/)
  t.ok(performance.now() - begun >= 3 * 20 - 3)
  await simulator.text(ask('[[sim:slow=5 length=4]] hi'))
  t.match(await simulator.stats(), { completed: 2, faulted: 0 })
})

t.test('faults by control hit the calls that they are meant for', async (t) => {
  const simulator = await startSimulator(t)
  const statuses = async (questions: string[]) => {
    const found: number[] = []
    for (const question of questions) found.push((await simulator.complete(ask(question))).status)
    return found
  }
  await simulator.control({ faults: [{ kind: 'status', status: 503, retryAfter: 1, times: 2 }] })
  t.same(await statuses(['a', 'a', 'a']), [503, 503, 200])

  await simulator.control({ faults: [{ kind: 'status', status: 500, every: 3 }] })
  t.same(await statuses(['a', 'a', 'a', 'a', 'a', 'a']), [200, 200, 500, 200, 200, 500])

  await simulator.control({
    faults: [
      { kind: 'status', status: 429, match: 'red', times: 1 },
      { kind: 'status', status: 500, match: 'blue' }
    ]
  })
  t.same(await statuses(['red', 'green', 'blue', 'red', 'blue']), [429, 200, 500, 200, 500])
  t.same(await statuses(['[[sim:400]] green']), [400], 'a fault in the text comes first')

  await simulator.post('/control/reset', '')
  t.same(await statuses(['blue']), [200])
})

t.test('the first of several faults wins, and each counts the calls it matches', async (t) => {
  const controls = new Controls(defaultSettings(0, 0))
  controls.change({
    faults: [
      { kind: 'hang', every: 2 },
      { kind: 'html', times: 1 }
    ]
  })
  t.same(
    Array.from({ length: 4 }, () => controls.nextFault('x')?.kind),
    ['html', 'hang', undefined, 'hang']
  )
})

t.test('settings change for the following calls and go back on reset', async (t) => {
  const simulator = await startSimulator(t, { firstTokenMs: 1, gapMs: 2 })
  const settings = async () => (await fetch(`${simulator.url}/control`)).json()
  const defaults = { firstTokenMs: 1, gapMs: 2, length: null, vary: false, usage: true, apiKey: null, faults: [] }
  t.same(await settings(), defaults)
  await simulator.control({ gapMs: 0, apiKey: 'secret' })
  t.same(await settings(), { ...defaults, gapMs: 0, apiKey: 'secret' })

  t.equal((await simulator.complete(ask('hi'))).status, 401)
  t.equal((await simulator.complete(ask('hi'), { headers: { authorization: 'Bearer wrong' } })).status, 401)
  t.equal((await simulator.complete(ask('hi'), { headers: { authorization: 'Bearer secret' } })).status, 200)

  t.same(await (await simulator.post('/control/reset', '')).json(), defaults)
  t.match(await simulator.stats(), { started: 0, open: 0, completed: 0, rejected: 0 })
})

t.test('a setting that makes no sense is refused with its name, and nothing changes', async (t) => {
  const simulator = await startSimulator(t)
  const cases: [unknown, RegExp][] = [
    [{ gapMs: -1 }, /gapMs/],
    [{ gapMs: '5' }, /gapMs/],
    [{ length: 0 }, /length/],
    [{ faults: [{ kind: 'explode' }] }, /kind/],
    [{ faults: [{ kind: 'status', status: 200 }] }, /status/],
    [{ gap: 5 }, /gap/],
    ['{', /parse the JSON/]
  ]
  for (const [body, message] of cases) {
    const response = await simulator.post('/control', body)
    t.equal(response.status, 400)
    t.match(await response.json(), { error: { message } })
  }
  t.match(await (await fetch(`${simulator.url}/control`)).json(), { gapMs: 0 })
})

t.test('the newest calls can be looked at, without secrets and bounded', async (t) => {
  const simulator = await startSimulator(t)
  const headers = { authorization: 'Bearer secret', traceparent: '00-abc-def-01' }
  for (let index = 1; index <= 60; index++) {
    await simulator.complete({ ...ask(index === 60 ? 'x'.repeat(20_000) : `question ${index}`) }, { headers })
  }
  const calls = (await (await fetch(`${simulator.url}/control/calls`)).json()) as {
    call: number
    messages: { content: string }[]
  }[]
  t.equal(calls.length, 50)
  t.equal(calls.at(-1)?.call, 60)
  t.equal(calls.at(-1)?.messages[0]?.content.length, 10_000)
  t.match(calls[0], {
    call: 11,
    model: 'simulator',
    stream: false,
    tools: [],
    messages: [{ role: 'user', content: 'question 11' }],
    headers: { traceparent: '00-abc-def-01' }
  })
  t.notMatch(JSON.stringify(calls), /secret/)
})

t.test('every call ends in exactly one counter', async (t) => {
  const simulator = await startSimulator(t)
  const questions = ['hi', '[[sim:429]]', '[[sim:cut=1]]', '[[sim:end=1]]', '[[sim:length=50 gap=1]]', '[[sim:html]]']
  await Promise.allSettled(
    Array.from({ length: 60 }, async (_, index) => {
      const signal = index % 5 === 0 ? AbortSignal.timeout(1 + (index % 20)) : null
      const body = { ...ask(questions[index % questions.length]!), stream: index % 2 === 0 }
      await (await simulator.complete(index % 9 === 0 ? '{' : body, { signal })).text()
    })
  )
  const { started, completed, aborted, faulted, rejected } = await simulator.until((stats) => stats.open === 0)
  t.equal(completed + aborted + faulted + rejected, started)
  t.ok(completed > 0 && faulted > 0 && rejected > 0)
})
