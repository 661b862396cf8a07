import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import t from 'tap'
import { claim, freePort, isListening, isPortFree, releaseClaim } from '../src/claim.ts'
import { isAlive, noteExclusiveFile, readHolder, takeExclusiveFile } from '../src/exclusive-file.ts'
import { isSameProcess, processStart } from '../src/process-identity.ts'

t.test('a process is told apart from a later one with its pid', async (t) => {
  const start = processStart(process.pid)
  t.ok(isSameProcess(process.pid, start))
  t.notOk(isSameProcess(process.pid, `${start}0`))
  t.notOk(isSameProcess(process.pid, ''))
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' })
  await once(child, 'exit')
  t.equal(processStart(child.pid as number), '')
})

t.test('an exclusive file has one holder, and is taken over from a dead one', async (t) => {
  const folder = t.testdir()
  const path = `${folder}/lock`
  t.ok(takeExclusiveFile(path, 'first'))
  t.notOk(takeExclusiveFile(path))
  t.match(readHolder(path), { pid: process.pid, note: 'first' })
  noteExclusiveFile(path, 'stopping now')
  t.equal(readHolder(path)?.note, 'stopping now')

  const dead = Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }))
  writeFileSync(path, `${dead} 0:0 gone`)
  const holder = readHolder(path)
  t.ok(holder && !isAlive(holder))
  t.ok(takeExclusiveFile(path))
  t.same(readdirSync(folder), ['lock'], 'and nothing else is left in the folder')
})

t.test('of many processes that find a stale file exactly one takes it', async (t) => {
  const path = `${t.testdir()}/lock`
  writeFileSync(path, '1 never-started gone')
  const code = `import { takeExclusiveFile } from '${new URL('../src/exclusive-file.ts', import.meta.url)}'
    process.stdout.write(takeExclusiveFile('${path}') ? 'y' : 'n')
    process.stdin.resume().on('end', () => process.exit())`
  const children = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['pipe', 'pipe', 'inherit'] })
  )
  const answers = await Promise.all(children.map(async (child) => String((await once(child.stdout, 'data'))[0])))
  for (const child of children) child.stdin.end()
  await Promise.all(children.map((child) => once(child, 'exit')))
  t.equal(answers.filter((answer) => answer === 'y').length, 1, answers.join(''))
})

t.test('free ports are different, unused, and below those of outgoing connections', async (t) => {
  const ports = await Promise.all(Array.from({ length: 20 }, () => freePort()))
  t.equal(new Set(ports).size, 20)
  t.ok(ports.every((port) => port >= 20_000 && port < 32_000))
  const server = createServer().listen(ports[0], '127.0.0.1')
  await once(server, 'listening')
  t.notOk(await isPortFree(ports[0] as number))
  t.ok(await isListening(ports[0] as number))
  server.close()
  await once(server, 'close')
  t.ok(await isPortFree(ports[0] as number))
  t.notOk(await isListening(ports[0] as number))
})

t.test('a claim ends with its release', async (t) => {
  const name = `test-${process.pid}`
  t.ok(claim(name))
  t.notOk(claim(name))
  releaseClaim(name)
  t.ok(claim(name))
  releaseClaim(name)
  t.notOk(existsSync(name))
})
