import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from '@semibot/stack'
import hcl from 'hcl2-parser'
import t from 'tap'
import { IMAGES } from '../src/images/image-names.ts'

const dockerfile = readFileSync(join(REPOSITORY_ROOT, 'Dockerfile'), 'utf8')
const bakeText = readFileSync(join(REPOSITORY_ROOT, 'docker-bake.hcl'), 'utf8')

interface Bake {
  group: Record<string, [{ targets: string[] }]>
  target: Record<
    string,
    [{ target?: string; inherits?: string[]; attest?: string[]; platforms?: string[]; args?: object }]
  >
}

const [bake] = hcl.parseToObject(bakeText) as [Bake]

t.test('docker-bake.hcl builds the targets of Dockerfile', async (t) => {
  t.strictSame(bake.group.default?.[0].targets, [...IMAGES])
  t.strictSame(
    bake.group.release?.[0].targets,
    IMAGES.map((name) => `release-${name}`)
  )
  for (const name of IMAGES) {
    t.match(dockerfile, new RegExp(`^FROM base AS ${name}$`, 'm'))
    t.equal(bake.target[name]?.[0].target, name)
    t.strictSame(bake.target[`release-${name}`]?.[0].inherits, [name, '_release'])
  }
  const [release] = bake.target._release ?? []
  t.strictSame(release?.platforms, ['linux/amd64', 'linux/arm64'])
  t.strictSame(release?.attest, ['type=provenance,mode=max', 'type=sbom'])
  for (const name of Object.keys(bake.target._common?.[0].args ?? {})) {
    t.match(dockerfile, new RegExp(`^ARG ${name}=`, 'm'), `Dockerfile knows ${name}`)
    const [, inDockerfile] = new RegExp(`^ARG ${name}=(.*)$`, 'm').exec(dockerfile) ?? []
    t.match(bakeText, `variable "${name}" { default = "${inDockerfile}" }`, 'with the same default')
  }
})

t.test('the images do not run as root, and say how healthy they are', async (t) => {
  t.match(dockerfile, /^USER 10001:10001$/m)
  const stages = dockerfile.split(/^FROM /m).slice(1)
  for (const name of ['api', 'runtime', 'simulator']) {
    const stage = stages.find((text) => text.startsWith(`base AS ${name}\n`)) ?? ''
    t.match(stage, /^HEALTHCHECK .* CMD \["node", "\/app\/healthcheck\.mjs"/m, name)
    t.match(stage, /^CMD \["/m, `${name} is started without a shell`)
  }
})
