import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { findProgram, REPOSITORY_ROOT } from '@semibot/stack'
import t from 'tap'

// Every shell script of the repository under shellcheck.

const run = promisify(execFile)
const shellcheck = await findProgram('shellcheck', { debianPackage: 'shellcheck', log: (line) => t.comment(line) })

function findScripts(): string[] {
  const words = ['grep', '--files-with-matches', '--untracked', '-E', '^#!(/bin/|/usr/bin/env )(ba)?sh$']
  return execFileSync('git', words, { cwd: REPOSITORY_ROOT, encoding: 'utf8' })
    .trim()
    .split('\n')
    .filter((file) => !/\.(md|ts|mjs)$/.test(file))
}

t.test(
  'scripts have no mistakes',
  { skip: shellcheck ? false : 'shellcheck is missing on this machine' },
  async (t) => {
    const files = findScripts()
    t.ok(files.includes('.ci/run'))
    for (const file of files) {
      const { stdout } = await run(shellcheck as string, ['--severity=style', file], { cwd: REPOSITORY_ROOT }).catch(
        (error: { stdout: string }) => error
      )
      t.equal(stdout, '', file)
    }
  }
)
