import t from 'tap'
import { LeftToOthers } from '../../src/adapters/chat-executor.ts'
import { run, worker } from '../helpers/run-adapter.ts'

const RESUMED = 'a run that another instance goes on with'
const HOMELESS = 'a run that no instance has room for'

for (const when of [RESUMED, HOMELESS]) {
  t.test(`${when} is not ended when this process leaves it to others`, async (t) => {
    const abort = new AbortController()
    const { end, endedRuns } = await run(
      t,
      (call) => {
        if (call.headers['x-semibot-resume'] !== '1') {
          call.begin()
          setImmediate(() => call.response.destroy())
          return
        }
        if (when === RESUMED) call.begin()
        else call.response.writeHead(503).end('{}')
        // By then the api has read the answer.
        setTimeout(() => abort.abort(new LeftToOthers()), 50)
      },
      { execution: worker, signal: abort.signal }
    )
    t.type((await end).error, LeftToOthers)
    t.same(endedRuns, [])
  })
}

t.test('a run that the user has cancelled after it was resumed is ended', async (t) => {
  const abort = new AbortController()
  const { end, endedRuns } = await run(
    t,
    (call) => {
      call.begin()
      if (call.headers['x-semibot-resume'] === '1') setTimeout(() => abort.abort(new Error('cancelled')), 50)
      else setImmediate(() => call.response.destroy())
    },
    { execution: worker, signal: abort.signal }
  )
  t.match((await end).error, { message: 'cancelled' })
  t.same(endedRuns, [worker.executionId])
})
