import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { REPOSITORY_ROOT } from '@semibot/stack'
import { buildImages } from './build-images.ts'
import { findBuildah } from './buildah.ts'
import { IMAGES, type ImageName, imageTag } from './image-names.ts'
import { imageSizeBytes } from './image-size.ts'

// `node scripts/run.mjs images [name...]`: builds the images of Dockerfile where there is no Docker
// engine; `--context <folder>` builds those of another clone.

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const { positionals, values } = parseArgs({ allowPositionals: true, options: { context: { type: 'string' } } })
const unknown = positionals.find((name) => !IMAGES.includes(name as ImageName))
const buildah = unknown === undefined ? await findBuildah({ log: say }) : undefined
if (buildah) {
  const names = positionals.length === 0 ? IMAGES : (positionals as ImageName[])
  await buildImages(buildah, { names, context: resolve(values.context ?? REPOSITORY_ROOT), say })
  for (const name of names) {
    say(`${imageTag(name)}  ${((await imageSizeBytes(buildah, imageTag(name))) / 1e6).toFixed(0)} MB unpacked`)
  }
} else {
  say(
    unknown === undefined
      ? 'buildah is missing on this machine'
      : `There is no image "${unknown}"; there are ${IMAGES.join(', ')}.`
  )
  process.exitCode = 1
}
