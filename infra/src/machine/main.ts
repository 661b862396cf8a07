import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { arch } from 'node:process'
import { packRelease } from './pack-release.ts'

// `node scripts/run.mjs pack [<commit>]`: what is installed on a machine without containers, as one archive.

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const [commit, ...rest] = process.argv.slice(2)
if (rest.length > 0 || commit?.startsWith('-')) {
  process.stderr.write('usage: node scripts/run.mjs pack [<commit>]\n')
  process.exit(1)
}
try {
  const { name, folder } = await packRelease({ ...(commit === undefined ? {} : { commit }), say })
  const archive = `${dirname(folder)}/semibot-${name}-linux-${arch}.tar.gz`
  const prefix = `s,^${name},semibot-${name},`
  execFileSync('tar', ['-czf', archive, '--owner=0', '--group=0', '--numeric-owner', '--transform', prefix, name], {
    cwd: dirname(folder)
  })
  say(
    `${archive}\nOn the machine: tar xzf the archive, then sudo sh semibot-${name}/install.sh (docs/deploy-debian.md)`
  )
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exit(1)
}
