import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { processStart } from '../src/process-identity.ts'
import { loadSecrets, saveSecrets } from '../src/stack/secrets.ts'
import { openStateFolder } from '../src/stack/state-folder.ts'

t.test('a folder belongs to one stack at a time', async (t) => {
  const home = join(t.testdir(), 'new/state')
  const folder = await openStateFolder(home)
  await t.rejects(openStateFolder(home), {
    message: `Semibot runs on ${home} already (pid ${process.pid}): stop it first, or set SEMIBOT_HOME and the ports for a second one`
  })
  folder.release()
  t.same(readdirSync(home), [], 'nothing is left behind')
  const again = await openStateFolder(home)
  again.release()
})

t.test('a folder that cannot be written is named, with the way out', async (t) => {
  const file = join(t.testdir({ file: 'text' }), 'file')
  await t.rejects(openStateFolder(join(file, 'state')), {
    message: `cannot write to the state folder ${file}/state (ENOTDIR): make it writable, or set SEMIBOT_HOME`
  })
  await t.rejects(openStateFolder('/proc/semibot'), { message: /cannot write to the state folder \/proc\/semibot/ })
})

t.test('a stack that is stopping, or whose launcher is gone, is waited for', async (t) => {
  for (const note of ['stopping', '1 a-process-that-is-gone']) {
    const home = t.testdir()
    const holder = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
    await once(holder, 'spawn')
    const pid = holder.pid as number
    writeFileSync(join(home, 'start.lock'), `${pid} ${processStart(pid)} ${note}\n`)
    const report = (text: string) => {
      t.equal(text, `an earlier run (pid ${pid}) is still stopping: waiting for it`)
      holder.stdin.end()
    }
    const folder = await openStateFolder(home, { report })
    t.equal(processStart(pid), '', 'its process had ended by then')
    folder.announceStop()
    folder.release()
    t.notOk(existsSync(join(home, 'start.lock')))
  }
})

t.test('a stack whose launcher lives is not waited for', async (t) => {
  const home = t.testdir()
  const folder = await openStateFolder(home, { launcherPid: process.ppid })
  t.teardown(folder.release)
  await t.rejects(openStateFolder(home), { message: /runs on .* already/ })
})

t.test('secrets are made up once, kept, and readable by their owner only', async (t) => {
  const home = t.testdir()
  const first = loadSecrets(home)
  t.equal(statSync(join(home, 'secrets.json')).mode & 0o777, 0o600)
  t.same(loadSecrets(home), first)
  t.equal(new Set(Object.values(first)).size, 6, 'no two are alike')
  for (const [name, value] of Object.entries(first)) t.match(value, /^[0-9a-f]{48,}$/, name)
  saveSecrets(home, { ...first, devKey: 'sb_1' })
  t.equal(loadSecrets(home).devKey, 'sb_1')
  writeFileSync(join(home, 'secrets.json'), JSON.stringify({ adminToken: 'kept' }))
  t.match(loadSecrets(home), { adminToken: 'kept', jwtSecret: /^[0-9a-f]{96}$/ }, 'what is missing is added')
  writeFileSync(join(home, 'secrets.json'), '{')
  t.throws(() => loadSecrets(home), { message: /secrets\.json is not JSON: repair it, or delete the state folder/ })
})
