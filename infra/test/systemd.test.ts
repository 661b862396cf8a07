import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ALL_GROUPS, parseEnvFile } from '@semibot/config'
import { findProgram, REPOSITORY_ROOT } from '@semibot/stack'
import t from 'tap'

// The files of infra/{systemd,debian,pm2,logrotate} without running what they start: infra/slow does that.

const run = promisify(execFile)
const INFRA = join(REPOSITORY_ROOT, 'infra')
const UNITS = join(INFRA, 'systemd')
const units = readdirSync(UNITS)
/** systemd rates how much a unit may still do: 10 is all, an ordinary one has 9.6. */
const MAX_EXPOSURE = 15

const text = (path: string): string => readFileSync(join(INFRA, path), 'utf8')
const analyze = await findProgram('systemd-analyze')
if (analyze === undefined) t.comment('systemd-analyze is not here: what needs it is left out')

/** Values by key; a key that comes again adds a value. */
function keysOf(unit: string): Record<string, string[]> {
  const keys: Record<string, string[]> = {}
  for (const [, key = '', value = ''] of text(`systemd/${unit}`).matchAll(/^([A-Z]\w+)=(.*)$/gm)) {
    keys[key] ??= []
    keys[key].push(value)
  }
  return keys
}

t.test('there are units for both services, and for further processes of each', async (t) => {
  t.strictSame(units.toSorted(), [
    'semibot-api.service',
    'semibot-api@.service',
    'semibot-runtime.service',
    'semibot-runtime@.service'
  ])
})

for (const service of ['api', 'runtime']) {
  t.test(`semibot-${service}: the unit for further processes differs in port, log and name only`, async (t) => {
    const one = keysOf(`semibot-${service}.service`)
    const further = keysOf(`semibot-${service}@.service`)
    t.equal(
      further.Environment?.[0],
      `${one.Environment?.[0]?.replace(`${service}.log`, `${service}-%i.log`)} ${service.toUpperCase()}_PORT=%i`
    )
    t.equal(further.SyslogIdentifier?.[0], `${one.SyslogIdentifier?.[0]}-%i`)
    for (const key of ['Environment', 'SyslogIdentifier', 'Description']) {
      delete one[key]
      delete further[key]
    }
    t.strictSame(further, one)
  })

  t.test(`semibot-${service}: settings come from a file that the service reads itself`, async (t) => {
    const keys = keysOf(`semibot-${service}.service`)
    t.notOk('EnvironmentFile' in keys, 'else SIGHUP could not change anything')
    const set = (keys.Environment?.[0] ?? '').split(' ').map((pair) => pair.split('=')[0])
    t.strictSame(set, ['NODE_ENV', 'ENV_FILE', 'LOG_FILE'])
    t.ok(keys.Environment?.[0]?.includes(`ENV_FILE=/etc/semibot/${service}.env`))
  })

  t.test(`semibot-${service}: it has more time to end than it takes at most`, async (t) => {
    const grace = Object.assign({}, ...ALL_GROUPS.map(({ keys }) => keys)).SHUTDOWN_GRACE_MS as { default: string }
    t.ok(Number(keysOf(`semibot-${service}.service`).TimeoutStopSec?.[0]) * 1000 >= Number(grace.default) + 20_000)
  })

  t.test(`${service}.env: every key is one of ours, and what is a secret is empty`, async (t) => {
    const { values, problems } = parseEnvFile(text(`debian/${service}.env`))
    const known = Object.assign({}, ...ALL_GROUPS.map(({ keys }) => keys)) as Record<string, { secret?: unknown }>
    t.strictSame(problems, [])
    for (const [key, value] of Object.entries(values)) {
      t.ok(key in known, key)
      if (known[key]?.secret) t.equal(value, '', key)
    }
  })
}

for (const unit of analyze === undefined ? [] : units) {
  t.test(`${unit}: systemd finds nothing wrong with it, and rates it as strict`, async (t) => {
    // The programs that it starts are not here; systemd looks for them.
    const name = unit.replace('@.', '@8001.')
    const path = join(t.testdir(), name)
    writeFileSync(path, text(`systemd/${unit}`).replaceAll(/\/opt\/semibot\/current\/\S+/g, process.execPath))
    const verified = await run(analyze as string, ['verify', '--man=no', path]).catch(
      (error: { stderr: string }) => error
    )
    t.equal(verified.stderr.trim(), '')
    const words = ['security', '--offline=true', '--no-pager', `--threshold=${MAX_EXPOSURE}`, path]
    const { stdout } = await run(analyze as string, words)
    t.match(stdout, /Overall exposure level .*: 1\.\d OK/)
  })
}

t.test('a unit with a misspelt key would be noticed', async (t) => {
  if (analyze === undefined) return t.pass('systemd-analyze is not here')
  const path = join(t.testdir(), 'semibot-api.service')
  writeFileSync(path, `[Service]\nExecStart=${process.execPath}\nProtectHomes=yes\n`)
  const { stderr } = await run(analyze, ['verify', '--man=no', path])
  t.match(stderr, /ProtectHomes/)
})

t.test('the scripts for Debian are plain shell', async (t) => {
  for (const file of ['debian/install.sh', 'debian/upgrade.sh', 'src/machine/boot.sh']) {
    await run('sh', ['-n', join(INFRA, file)])
    t.pass(file)
  }
  t.ok(statSync(join(INFRA, 'debian/install.sh')).mode & 0o100, 'install.sh can be run')
  t.ok(statSync(join(INFRA, 'debian/upgrade.sh')).mode & 0o100, 'upgrade.sh can be run')
  t.match((await run('sh', [join(INFRA, 'debian/install.sh'), '--help'])).stdout, /It starts nothing/)
  t.match((await run('sh', [join(INFRA, 'debian/upgrade.sh'), '--help'])).stdout, /without a failed chat/)
})

t.test('what is no release is not installed', async (t) => {
  for (const [words, said] of [
    [[t.testdir()], /is no release: it has no file VERSION/],
    [['--nonsense'], /there is no option --nonsense/],
    [['--root'], /--root wants a folder/]
  ] as const) {
    const failed = await run('sh', [join(INFRA, 'debian/install.sh'), ...words]).catch((error: unknown) => error)
    t.match(failed, { stderr: said })
  }
})

t.test('install.sh --root shows what it would do, and touches nothing else', async (t) => {
  const folder = t.testdir({
    release: { VERSION: '1.2.3-abc\n', bin: {}, env: {}, systemd: {}, logrotate: {} },
    root: {}
  })
  const release = join(folder, 'release')
  writeFileSync(join(release, 'bin/node'), '#!/bin/sh\necho v24\n', { mode: 0o755 })
  for (const service of ['api', 'runtime'])
    writeFileSync(join(release, `env/${service}.env`), text(`debian/${service}.env`))
  for (const unit of units) writeFileSync(join(release, 'systemd', unit), text(`systemd/${unit}`))
  writeFileSync(join(release, 'logrotate/semibot'), text('logrotate/semibot'))
  const root = join(folder, 'root')
  const install = async () => (await run('sh', [join(INFRA, 'debian/install.sh'), '--root', root, release])).stdout
  t.match(await install(), /release 1\.2\.3-abc: copied[\s\S]*api\.env: made[\s\S]*Next, as root/)
  t.match(readFileSync(join(root, 'etc/semibot/api.env'), 'utf8'), /^ADMIN_TOKEN=[0-9a-f]{64}$/m)
  t.equal(statSync(join(root, 'etc/semibot/api.env')).mode & 0o007, 0, 'others cannot read the secrets')
  t.equal(readFileSync(join(root, 'opt/semibot/current/VERSION'), 'utf8'), '1.2.3-abc\n')
  t.strictSame(readdirSync(join(root, 'etc/systemd/system')).toSorted(), units.toSorted())
  t.notMatch(await install(), /made|copied/, 'the second time there is nothing to do')
})

t.test('the pm2 file names the apps of the operations document, and sets nothing that .env should', async (t) => {
  const { apps } = createRequire(import.meta.url)('../pm2/ecosystem.config.cjs') as {
    apps: { name: string; exec_mode: string; wait_ready: boolean; kill_timeout: number; env: Record<string, unknown> }[]
  }
  t.strictSame(
    apps.map(({ name, exec_mode }) => [name, exec_mode]),
    [
      ['api', 'cluster'],
      ['runtime', 'fork']
    ]
  )
  for (const { name, env, wait_ready } of apps) {
    t.ok(wait_ready, name)
    const allowed = ['NODE_ENV', 'ENV_FILE', 'LOG_FILE', 'METRICS_PORT']
    t.strictSame(
      Object.keys(env).filter((key) => !allowed.includes(key)),
      [],
      name
    )
  }
})
