import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findProgram } from '../src/find-program.ts'

function script(path: string, ...lines: string[]): string {
  writeFileSync(path, ['#!/bin/sh', ...lines, ''].join('\n'))
  chmodSync(path, 0o755)
  return path
}

t.test('the first on PATH is found; a folder or a file without the right is not a program', async (t) => {
  const folder = t.testdir({ a: { tool: 'text' }, b: { tool: {} }, c: {}, d: {} })
  const wanted = script(join(folder, 'c/tool'), 'exit 0')
  script(join(folder, 'd/tool'), 'exit 0')
  const path = ['a', 'b', '', 'c', 'd'].map((name) => name && join(folder, name)).join(':')
  t.equal(await findProgram('tool', { path }), wanted)
  t.equal(await findProgram('tool', { path: join(folder, 'a') }), undefined)
})

t.test('else it is unpacked from its Debian package, once, and runs with the libraries beside it', async (t) => {
  if (!(await findProgram('dpkg-deb'))) {
    t.equal(await findProgram('probe', { debianPackage: 'probe', toolsFolder: t.testdir() }), undefined)
    return
  }
  const folder = t.testdir({
    bin: {},
    tools: {},
    package: { DEBIAN: {}, usr: { bin: {}, lib: { 'x86_64-linux-gnu': {} } } }
  })
  writeFileSync(
    join(folder, 'package/DEBIAN/control'),
    'Package: probe\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@localhost>\nDescription: a probe\n'
  )
  script(join(folder, 'package/usr/bin/probe'), 'echo "$LD_LIBRARY_PATH $1"')
  chmodSync(join(folder, 'package/DEBIAN'), 0o755)
  execFileSync('dpkg-deb', ['--build', join(folder, 'package'), join(folder, 'probe.deb')], { stdio: 'ignore' })
  // Only the network is replaced: the download copies the package that was built above.
  script(
    join(folder, 'bin/apt-get'),
    `echo "$1" >> '${folder}/calls'`,
    `[ "$1" = download ] && cp '${folder}/probe.deb' . || echo 'Inst probe (1)'`
  )
  const before = process.env.PATH
  process.env.PATH = `${join(folder, 'bin')}:${before}`
  t.teardown(() => {
    process.env.PATH = before
  })
  const said: string[] = []
  const options = {
    debianPackage: 'probe',
    toolsFolder: join(folder, 'tools'),
    path: '',
    log: (line: string) => said.push(line)
  }
  const found = (await findProgram('probe', options)) as string
  t.match(execFileSync(found, ['word'], { encoding: 'utf8' }), /tools\/probe\/usr\/lib\/x86_64-linux-gnu word\n$/)
  t.equal(await findProgram('probe', options), found)
  t.match(said, [/^probe is not on PATH: unpacking the Debian package probe into /])
  t.equal(said.length, 1, 'the second look unpacks nothing')
})

t.test('a package that cannot be had gives a reason and no program', async (t) => {
  const folder = t.testdir({ bin: {}, tools: {} })
  script(join(folder, 'bin/apt-get'), 'echo "E: Unable to locate package probe" >&2', 'exit 100')
  mkdirSync(join(folder, 'dpkg'))
  script(join(folder, 'dpkg/dpkg-deb'), 'exit 1')
  const before = process.env.PATH
  process.env.PATH = `${join(folder, 'bin')}:${join(folder, 'dpkg')}:${before}`
  t.teardown(() => {
    process.env.PATH = before
  })
  const said: string[] = []
  const options = {
    debianPackage: 'probe',
    toolsFolder: join(folder, 'tools'),
    path: '',
    log: (line: string) => said.push(line)
  }
  t.equal(await findProgram('probe', options), undefined)
  t.equal(said.at(-1), 'probe cannot be had from probe: E: Unable to locate package probe')
  t.notOk(existsSync(join(folder, 'tools/probe')), 'nothing half unpacked is left')
})
