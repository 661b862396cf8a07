import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { failedFiles, runAgain } from '../src/test-run/second-run.ts'

t.test('the failed files are those of the outermost level', async (t) => {
  const tap = [
    '    not ok 1 - inner.test.ts',
    'not ok 1 - test/a.test.ts # time=25.947ms',
    'ok 2 - test/b.test.ts # time=1ms',
    'not ok 3 - test/sub/c.test.ts'
  ]
  t.same(failedFiles(tap.join('\n')), ['test/a.test.ts', 'test/sub/c.test.ts'])
})

t.test('a file that runs again passes, fails with its diagnostics, or dies', async (t) => {
  const folder = t.testdir({})
  // The folder may be one from which tap is not found by its name.
  const head = `import t from '${import.meta.resolve('tap')}'\n`
  const run = (body: string) => {
    writeFileSync(join(folder, 'again.test.ts'), head + body)
    return runAgain({
      folder,
      file: 'again.test.ts',
      env: { GREETING: 'hello' },
      signal: new AbortController().signal,
      allowedSkips: []
    })
  }
  t.same(await run("t.equal(process.env.GREETING, 'hello')"), [])
  t.match((await run("t.equal(1, 2, 'one is two')"))[0], /one is two[\s\S]*-2\n *\+1/)
  t.not((await run('process.exit(7)')).length, 0, 'a file without results has failed')
})
