import { freePort, waitFor } from '@semibot/stack'
import { createTestDatabase, startSimulator, type TestSimulator } from '@semibot/stack/test'
import t from 'tap'
import { chat, startChatLoad } from '../src/load/chat-load.ts'
import { bootMachine, type Machine, missingMachine } from '../src/machine/boot-machine.ts'
import { packRelease, type Release } from '../src/machine/pack-release.ts'
import { findNginx } from '../src/nginx/start-nginx.ts'

// docs/upgrade.md: from the build of the previous commit to that of this one, on a machine with systemd and nginx, with two
// processes of each service, while chats go on.

const nginx = await findNginx((line) => t.comment(line))
const skip = missingMachine() || (nginx === undefined && 'nginx is missing on this machine')
const WAIT = { timeoutMs: 60_000 }

let machine: Machine
let simulator: TestSimulator
let older: Release
let newer: Release
let key = ''
const ports = {
  edge: await freePort(),
  apis: [await freePort(), await freePort()] as const,
  runtimes: [await freePort(), await freePort()] as const
}
const edgeUrl = `http://127.0.0.1:${ports.edge}`
const NGINX_CONF = '/etc/nginx/conf.d/semibot.conf'
const units = ['semibot-runtime', `semibot-runtime@${ports.runtimes[1]}`, 'semibot-api', `semibot-api@${ports.apis[1]}`]

async function writeSettings(databaseUrl: string): Promise<void> {
  const shared = { DATABASE_URL: databaseUrl, LLM_BASE_URL: simulator.baseUrl, LLM_MODEL: 'simulator' }
  const settings = {
    runtime: { ...shared, RUNTIME_PORT: ports.runtimes[0] },
    api: {
      ...shared,
      API_PORT: ports.apis[0],
      RUNTIME_SERVICE_URL: ports.runtimes.map((port) => `http://127.0.0.1:${port}`).join(','),
      CHAT_EXECUTION_MODE: 'runtime_orchestrator'
    }
  }
  for (const [service, own] of Object.entries(settings)) {
    const file = `/etc/semibot/${service}.env`
    const lines = Object.entries(own).map(
      ([name, value]) => `sed -i '/^${name}=/d' ${file}; echo '${name}=${value}' >> ${file}`
    )
    await machine.sh(lines.join('\n'))
  }
}

/** nginx as a unit, with the server blocks of the release; TLS is for slow/nginx.test.ts. */
async function startEdge(): Promise<void> {
  const [first, second] = ports.apis
  await machine.sh(`
    mkdir -p /etc/nginx/conf.d /run/nginx
    cp ${newer.folder}/nginx/proxy.conf /etc/nginx/semibot-proxy.conf
    sed -e '/ssl/d' -e 's/listen 80;/listen 127.0.0.1:${ports.edge};/' -e 's/:3001/:${first}/' -e 's/:3002/:${second}/' \\
      ${newer.folder}/nginx/semibot.conf > ${NGINX_CONF}`)
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path /run/nginx/${name};`
  )
  await machine.write(
    '/etc/nginx/nginx.conf',
    `daemon off; user root; pid /run/nginx/pid; error_log stderr warn;\nevents { }\nhttp { access_log off; ${folders.join(' ')} include conf.d/*.conf; }\n`
  )
  await machine.write(
    '/etc/systemd/system/nginx.service',
    `[Service]\nType=exec\nExecStart=${nginx} -c /etc/nginx/nginx.conf -e stderr\nExecReload=/bin/kill -HUP $MAINPID\n`
  )
  await machine.sh('systemctl daemon-reload; systemctl start nginx')
}

/** The release that each unit runs, read from its process. */
async function running(): Promise<string[]> {
  const names = units.map((unit) => `basename $(readlink /proc/$(systemctl show -P MainPID ${unit})/cwd)`)
  return (await machine.sh(names.join('\n'))).trim().split('\n')
}

/** Chats go on while something is done; resolves when more have come to an end after it. */
async function underLoad(work: () => Promise<string>) {
  const load = startChatLoad({ baseUrl: edgeUrl, apiKey: key, concurrency: 6, pauseMs: 20 })
  await waitFor(() => load.summary.completed >= 10, { ...WAIT, what: 'the first chats' })
  const said = await work()
  const more = load.summary.completed + 20
  await waitFor(() => load.summary.completed >= more, { ...WAIT, what: 'chats afterwards' })
  const { completed, failures, modes } = await load.stop()
  t.comment(`${completed} chats, ${failures.length} failed, ${JSON.stringify(modes)}`)
  return { said, completed, failures, modes }
}

if (skip === false) {
  newer = await packRelease({ say: (line) => t.comment(line) })
  older = await packRelease({ commit: `${newer.commit}~1`, say: (line) => t.comment(line) })
  simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '50', SIMULATOR_GAP_MS: '20' })
  const databaseUrl = await createTestDatabase(t, { migrated: false })
  machine = await bootMachine()
  t.teardown(() => machine.stop())
  await machine.sh(`sh ${newer.folder}/install.sh ${older.folder}`)
  await writeSettings(databaseUrl)
  const semibot = 'ENV_FILE=/etc/semibot/api.env semibot'
  await machine.sh(`${semibot} db migrate; ${semibot} orgs create acme`)
  key = (JSON.parse(await machine.sh(`${semibot} --json keys create acme`)) as { key: string }).key
  await machine.sh(`systemctl start ${units.join(' ')}`)
  await startEdge()
}

t.test('before: the build of the previous commit answers', { skip }, async (t) => {
  t.not(older.name, newer.name)
  t.strictSame(
    await running(),
    units.map(() => older.name)
  )
  t.equal(await chat(edgeUrl, key), 'runtime_orchestrator')
})

t.test('upgrade.sh: every process is replaced by the new build, and no chat fails', { skip }, async (t) => {
  const { said, failures, completed } = await underLoad(() => machine.sh(`sh ${newer.folder}/upgrade.sh 2>&1`))
  t.comment(said.trim().split('\n').join(' | '))
  t.strictSame(failures, [])
  t.ok(completed >= 30)
  t.strictSame(
    await running(),
    units.map(() => newer.name)
  )
  t.equal((await machine.sh('readlink /opt/semibot/current')).trim(), `releases/${newer.name}`)
  t.notMatch(await machine.sh(`cat ${NGINX_CONF}`), / down;/, 'every api is in nginx again')
})

t.test('a release that does not start: the old one is back, and no chat fails', { skip }, async (t) => {
  await machine.sh(`
    cp -R ${newer.folder} /root/broken
    echo 9.9.9-broken > /root/broken/VERSION
    echo 'throw new Error("this build is broken")' > /root/broken/app/apps/api/dist/server.js`)
  const { failures, said } = await underLoad(async () => {
    const { code, stdout } = await machine.try('sh /root/broken/upgrade.sh 2>&1')
    t.equal(code, 1)
    return stdout
  })
  t.comment(said.trim().split('\n').join(' | '))
  t.match(said, /semibot-api\.service does not become ready with 9\.9\.9-broken: back to/)
  t.strictSame(failures, [])
  t.strictSame(
    await running(),
    units.map(() => newer.name)
  )
  t.equal((await machine.sh('readlink /opt/semibot/current')).trim(), `releases/${newer.name}`)
})
