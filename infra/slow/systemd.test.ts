import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findProgram, freePort, REPOSITORY_ROOT, waitFor } from '@semibot/stack'
import { createTestDatabase, startSimulator, type TestSimulator } from '@semibot/stack/test'
import t from 'tap'
import { chat, startChatLoad } from '../src/load/chat-load.ts'
import { bootMachine, type Machine, missingMachine } from '../src/machine/boot-machine.ts'
import { packRelease } from '../src/machine/pack-release.ts'

// docs/deploy-debian.md, done on a machine with a systemd of its own: install, start, stop, reload, crash, rotate.

const logrotate = await findProgram('logrotate', { debianPackage: 'logrotate', log: (line) => t.comment(line) })
const shellcheck = await findProgram('shellcheck', { debianPackage: 'shellcheck', log: (line) => t.comment(line) })
const skip = missingMachine() || (logrotate === undefined && 'logrotate is missing on this machine')
const WAIT = { timeoutMs: 60_000 }
const ADMIN = /^ADMIN_TOKEN=(?<token>[0-9a-f]{64})$/m

let machine: Machine
let simulator: TestSimulator
let key = ''
let databaseUrl = ''
const ports = { api: await freePort(), second: await freePort(), runtime: await freePort() }
const baseUrl = `http://127.0.0.1:${ports.api}`

const PAGES = ['deploy-debian.md', 'deploy-debian.zh-CN.md'].map((page) =>
  readFileSync(join(REPOSITORY_ROOT, 'docs', page), 'utf8')
)

/** A command as the docs have it, in both languages. */
function documented(command: string): string {
  if (!PAGES.every((page) => page.includes(command))) throw new Error(`docs/deploy-debian*.md do not have: ${command}`)
  return command
}

/** What docs/deploy-debian.md has an operator write into the settings. */
async function writeSettings(): Promise<void> {
  const shared = { DATABASE_URL: databaseUrl, LLM_BASE_URL: simulator.baseUrl, LLM_MODEL: 'simulator' }
  const own = { ...shared, API_PORT: ports.api, RUNTIME_PORT: ports.runtime }
  for (const service of ['api', 'runtime']) {
    for (const [name, value] of Object.entries(own)) await setting(service, name, value)
  }
  await setting('api', 'RUNTIME_SERVICE_URL', `http://127.0.0.1:${ports.runtime}`)
  await setting('api', 'CHAT_EXECUTION_MODE', 'runtime_orchestrator')
}

async function setting(service: string, name: string, value: string | number): Promise<void> {
  const file = `/etc/semibot/${service}.env`
  await machine.sh(`sed -i '/^${name}=/d' ${file}; echo '${name}=${value}' >> ${file}`)
}

async function operator(path: string): Promise<Record<string, unknown>> {
  const token = ADMIN.exec(await machine.sh('cat /etc/semibot/api.env'))?.groups?.token
  const response = await fetch(`${baseUrl}${path}`, { headers: { authorization: `Bearer ${token}` } })
  return ((await response.json()) as { data: Record<string, unknown> }).data
}

/** What a unit has logged, without what systemd says about it. */
async function journalOf(unit: string): Promise<string[]> {
  return (await machine.sh(`journalctl -u ${unit} -o cat --all | grep '^{'`)).trimEnd().split('\n')
}

if (skip === false) {
  const release = await packRelease({ say: (line) => t.comment(line) })
  simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '20', SIMULATOR_GAP_MS: '5' })
  databaseUrl = await createTestDatabase(t, { migrated: false })
  machine = await bootMachine()
  t.teardown(() => machine.stop())
  await machine.sh(`sh ${release.folder}/install.sh`)
}

t.test(
  'the linter of shell scripts finds nothing',
  { skip: shellcheck ? false : 'shellcheck is missing on this machine' },
  async (t) => {
    const scripts = ['debian/install.sh', 'debian/upgrade.sh', 'src/machine/boot.sh']
    const paths = scripts.map((script) => join(REPOSITORY_ROOT, 'infra', script))
    const { stdout } = await promisify(execFile)(shellcheck as string, paths).catch(
      (error: { stdout: string }) => error
    )
    t.equal(stdout, '')
  }
)

t.test(
  'install.sh makes user, folders, settings with secrets, and units, and is harmless when run again',
  { skip },
  async (t) => {
    const modes =
      await machine.sh(`stat -c '%a %U:%G %n' /opt/semibot/current/bin/node /etc/semibot /etc/semibot/api.env \\
    /etc/semibot/runtime.env /var/log/semibot /opt/semibot/current/`)
    t.strictSame(modes.trim().split('\n'), [
      '755 root:root /opt/semibot/current/bin/node',
      '750 root:semibot /etc/semibot',
      '640 root:semibot /etc/semibot/api.env',
      '640 root:semibot /etc/semibot/runtime.env',
      '750 semibot:semibot /var/log/semibot',
      '755 root:root /opt/semibot/current/'
    ])
    t.match(await machine.sh('id semibot'), /uid=\d+\(semibot\) gid=\d+\(semibot\)/)
    const before = await machine.sh('cat /etc/semibot/*.env')
    const secrets = [...before.matchAll(/^(?<name>[A-Z0-9_]+)=(?<value>[0-9a-f]{64})$/gm)].map(({ groups }) => groups)
    t.strictSame(
      secrets.map((secret) => secret?.name),
      ['ADMIN_TOKEN', 'JWT_HS256_SECRET', 'RUNTIME_SERVICE_TOKEN', 'RUNTIME_SERVICE_TOKEN']
    )
    t.equal(new Set(secrets.map((secret) => secret?.value)).size, 3, 'both services have the same token')
    await machine.sh('sh /opt/semibot/current/install.sh')
    t.equal(await machine.sh('cat /etc/semibot/*.env'), before, 'settings stay as they are')
  }
)

t.test(
  'a service without its settings does not start, and the journal says which key it wants',
  { skip },
  async (t) => {
    const { code } = await machine.try('systemctl start semibot-api')
    t.not(code, 0)
    await waitFor(async () => /DATABASE_URL/.test((await machine.try('journalctl -u semibot-api -o cat')).stdout), {
      ...WAIT,
      what: 'the journal to name DATABASE_URL'
    })
    t.pass('the journal names the key')
    await machine.try('systemctl stop semibot-api')
  }
)

t.test('migrate, enable and start: systemctl returns when chats are answered', { skip }, async (t) => {
  await writeSettings()
  const asOperator = (command: string) =>
    machine.sh(`${documented('export ENV_FILE=/etc/semibot/api.env')}\n${command}`)
  await asOperator(documented('semibot db migrate'))
  await asOperator(documented('semibot orgs create acme'))
  const created = await asOperator(documented('semibot --json keys create acme'))
  key = (JSON.parse(created) as { key: string }).key
  await machine.sh(documented('systemctl enable --now semibot-runtime semibot-api'))
  t.equal(await chat(baseUrl, key), 'runtime_orchestrator', 'at once, without a wait')
  const users = await machine.sh(
    'ps -o user= -p $(systemctl show -P MainPID semibot-api semibot-runtime | paste -sd, | tr -s ,)'
  )
  t.strictSame([...new Set(users.trim().split('\n'))], ['semibot'])
})

t.test('the units are as strict as the test of the files says', { skip }, async (t) => {
  const text = await machine.sh(
    'systemctl show -p NoNewPrivileges,ProtectSystem,PrivateTmp,SystemCallErrorNumber semibot-api'
  )
  t.match(text, /NoNewPrivileges=yes/)
  t.match(text, /ProtectSystem=strict/)
  const pid = (await machine.sh('systemctl show -P MainPID semibot-api')).trim()
  const status = await machine.sh(`cat /proc/${pid}/status`)
  t.match(status, /^CapEff:\s+0+$/m, 'no capability')
  t.match(status, /^Seccomp:\s+2$/m, 'system calls are filtered')
  const { code } = await machine.try(`nsenter -t ${pid} -m touch /opt/semibot/x /etc/x`)
  t.not(code, 0, 'in its view of the files nothing but its log can be written')
})

t.test('each line is in the journal once and in LOG_FILE once', { skip }, async (t) => {
  await chat(baseUrl, key)
  for (const service of ['api', 'runtime']) {
    const inFile = (await machine.sh(`cat /var/log/semibot/${service}.log`)).trimEnd().split('\n')
    t.ok(inFile.length > 1)
    t.equal(new Set(inFile).size, inFile.length, `${service}: no line twice in the file`)
    // It gets its lines from another process, a moment later.
    const inJournal = await waitFor(
      async () => {
        const lines = await journalOf(`semibot-${service}`)
        return inFile.every((line) => lines.includes(line)) && lines
      },
      { ...WAIT, what: `the journal to have the lines of ${service}.log` }
    )
    t.equal(new Set(inJournal).size, inJournal.length, `${service}: no line twice in the journal`)
  }
})

t.test('systemctl reload takes up changed settings without a restart', { skip }, async (t) => {
  const pid = await machine.sh('systemctl show -P MainPID semibot-api')
  await setting('api', 'CHAT_RUNTIME_ERROR_RATE_THRESHOLD', '0.7')
  await machine.sh(documented('systemctl reload semibot-api'))
  const threshold = async () => {
    const { thresholds } = (await operator('/api/v1/runtime/fallback/status')) as { thresholds: { errorRate: number } }
    return thresholds.errorRate
  }
  await waitFor(async () => (await threshold()) === 0.7, { ...WAIT, what: 'the new threshold' })
  t.equal(await machine.sh('systemctl show -P MainPID semibot-api'), pid)
})

t.test('systemctl restart semibot-runtime under load: no chat fails', { skip }, async (t) => {
  const load = startChatLoad({ baseUrl, apiKey: key, concurrency: 4, pauseMs: 20 })
  await waitFor(() => load.summary.completed >= 5, { ...WAIT, what: 'the first chats' })
  await machine.sh(documented('systemctl restart semibot-runtime'))
  await waitFor(async () => (await chat(baseUrl, key)) === 'runtime_orchestrator', { ...WAIT, what: 'the runtime' })
  const { completed, failures, modes } = await load.stop()
  t.comment(`${completed} chats, ${failures.length} failed, ${JSON.stringify(modes)}`)
  t.strictSame(failures, [])
})

t.test('what is killed is started again', { skip }, async (t) => {
  await machine.sh('systemctl kill --kill-whom=main -s KILL semibot-api')
  await waitFor(async () => (await chat(baseUrl, key).catch(() => '')) !== '', { ...WAIT, what: 'a chat' })
  t.equal((await machine.sh('systemctl show -P NRestarts semibot-api')).trim(), '1')
})

t.test(
  'a second api on another port has a log of its own; without Redis, doctor and /ready say so',
  { skip },
  async (t) => {
    await machine.sh(`systemctl start semibot-api@${ports.second}`)
    const second = `http://127.0.0.1:${ports.second}`
    t.equal(await chat(second, key), 'runtime_orchestrator')
    t.match(await machine.sh('ls /var/log/semibot'), new RegExp(`^api-${ports.second}\\.log$`, 'm'))
    const report = async () => {
      const { dependencies } = (await (await fetch(`${second}/ready`)).json()) as {
        dependencies: { redis: { detail: string } }
      }
      return dependencies.redis.detail
    }
    await waitFor(async () => (await report()).startsWith('no REDIS_URL, and 2 api processes'), {
      ...WAIT,
      what: '/ready'
    })
    const { stdout } = await machine.try(`ENV_FILE=/etc/semibot/api.env ${documented('semibot doctor')}`)
    t.match(stdout, /2 api processes run, and this one has no REDIS_URL/)
  }
)

t.test('logrotate under load: every unit opens a new file, and no line is lost', { skip }, async (t) => {
  const rotate = `${logrotate} -f -s /var/lib/semibot/logrotate.state /etc/logrotate.d/semibot`
  const load = startChatLoad({ baseUrl, apiKey: key, concurrency: 4 })
  await waitFor(() => load.summary.completed >= 5, { ...WAIT, what: 'the first chats' })
  await machine.sh(rotate)
  const second = Math.floor(Date.now() / 1000)
  const more = load.summary.completed + 5
  // The names of rotated files hold the second.
  await waitFor(() => load.summary.completed >= more && Date.now() / 1000 > second + 1, {
    ...WAIT,
    what: 'chats after the first rotation'
  })
  await machine.sh(rotate)
  const last = load.summary.completed + 5
  await waitFor(() => load.summary.completed >= last, { ...WAIT, what: 'chats after the second rotation' })
  const { failures } = await load.stop()
  t.strictSame(failures, [])
  await machine.sh('systemctl stop semibot-api semibot-api@* semibot-runtime')
  const files = (await machine.sh('ls /var/log/semibot')).trim().split('\n')
  t.comment(files.join(' '))
  t.ok(
    files.some((file) => /^api\.log-\d{8}-\d+\.gz$/.test(file)),
    'older ones are compressed'
  )
  const units = {
    api: 'semibot-api',
    runtime: 'semibot-runtime',
    [`api-${ports.second}`]: `semibot-api@${ports.second}`
  }
  for (const [log, unit] of Object.entries(units)) {
    const rotated = files.filter((file) => file.startsWith(`${log}.log`))
    t.ok(rotated.length >= 2, `${log}: ${rotated.length} files`)
    const list = rotated.map((file) => `/var/log/semibot/${file}`).join(' ')
    const written = (await machine.sh(`zcat -f ${list}`)).trimEnd().split('\n')
    const journal = await journalOf(unit)
    t.equal(written.length, journal.length, `${log}: as many lines as the journal has`)
    const known = new Set(journal)
    t.ok(
      written.every((line) => known.has(line)),
      `${log}: and the same`
    )
  }
})

t.test('stop is gentle: the process ends by itself, with 0', { skip }, async (t) => {
  const text = await machine.sh('systemctl show -P Result semibot-api; systemctl show -P ExecMainStatus semibot-api')
  t.strictSame(text.trim().split('\n'), ['success', '0'])
})
