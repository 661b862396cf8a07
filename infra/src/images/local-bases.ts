import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Buildah } from './buildah.ts'
import { BUILD_PACKAGES, makeDebianRoot, RUN_PACKAGES } from './debian-root.ts'

/** Stand-ins for the two images that Dockerfile starts from, made of Debian packages of this machine. */
export const LOCAL_BASES = {
  build: 'localhost/semibot-build-base:local',
  run: 'localhost/semibot-run-base:local'
} as const

/** Makes those of the two that the store does not have yet. */
export async function makeLocalBases(buildah: Buildah, say: (line: string) => void): Promise<void> {
  if (!(await hasImage(buildah, LOCAL_BASES.run))) {
    say('making the base of the images from Debian packages')
    await commitRoot(buildah, LOCAL_BASES.run, RUN_PACKAGES)
  }
  if (!(await hasImage(buildah, LOCAL_BASES.build))) {
    say('making the base of the build stage from Debian packages, Node.js and npm')
    await commitRoot(buildah, LOCAL_BASES.build, BUILD_PACKAGES, addBuildTools)
  }
}

async function hasImage(buildah: Buildah, name: string): Promise<boolean> {
  return await buildah.call('images', '--quiet', name).then(Boolean, () => false)
}

async function commitRoot(
  buildah: Buildah,
  name: string,
  packages: readonly string[],
  extend?: (root: string) => string[]
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'semibot-base-'))
  const root = join(folder, 'root')
  try {
    await makeDebianRoot(root, packages)
    const environment = extend?.(root) ?? []
    const container = await buildah.call('from', 'scratch')
    await buildah.call('add', '--quiet', container, root, '/')
    const settings = [...environment, 'PATH=/usr/local/bin:/usr/bin:/bin'].flatMap((pair) => ['--env', pair])
    await buildah.call('config', ...settings, container)
    await buildah.call('commit', '--quiet', '--rm', '--format', 'docker', container, name)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Node.js that runs this, npm of the machine, and how this machine reaches the registry. Returns environment lines. */
function addBuildTools(root: string): string[] {
  const local = join(root, 'usr/local')
  mkdirSync(join(local, 'bin'), { recursive: true })
  mkdirSync(join(local, 'lib/node_modules'), { recursive: true })
  copyFileSync(process.execPath, join(local, 'bin/node'))
  const command = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim()
  // .../npm/bin/npm-cli.js
  cpSync(dirname(dirname(realpathSync(command))), join(local, 'lib/node_modules/npm'), { recursive: true })
  for (const name of ['npm', 'npx']) symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, 'bin', name))
  // `#!/usr/bin/env node` finds env in coreutils; npm wants a home.
  mkdirSync(join(root, 'root'), { recursive: true })
  const bundle = [
    process.env.NODE_EXTRA_CA_CERTS,
    process.env.SSL_CERT_FILE,
    '/etc/ssl/certs/ca-certificates.crt'
  ].find((path) => path && existsSync(path))
  const target = '/etc/ssl/certs/ca-certificates.crt'
  if (bundle) copyFileSync(bundle, join(root, target))
  const registry = execFileSync(command, ['config', 'get', 'registry'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore']
  }).trim()
  const proxies = Object.entries(process.env).filter(([key]) => /^(https?|no)_proxy$/i.test(key))
  return [
    'HOME=/root',
    `NODE_EXTRA_CA_CERTS=${target}`,
    `SSL_CERT_FILE=${target}`,
    `NPM_CONFIG_REGISTRY=${registry}`,
    ...proxies.map(([key, value]) => `${key}=${value}`)
  ]
}
