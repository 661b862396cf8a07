import { arch } from 'node:process'
import type { Buildah } from './buildah.ts'
import { type ImageName, imageTag } from './image-names.ts'
import { LOCAL_BASES, makeLocalBases } from './local-bases.ts'

export interface BuildOptions {
  names: readonly ImageName[]
  /** These are also built for the other architecture, on the base of this one: to be looked into, not to be run. */
  foreign?: readonly ImageName[]
  /** The folder with Dockerfile: a clone. */
  context: string
  /** Each line that the build writes. */
  say: (line: string) => void
  signal?: AbortSignal
}

/** Builds targets of Dockerfile for this machine's architecture, without a Docker engine. Throws when one cannot be built. */
export async function buildImages(buildah: Buildah, options: BuildOptions): Promise<void> {
  const { names, foreign = [], context, say, signal } = options
  await makeLocalBases(buildah, say)
  try {
    for (const name of names) await buildah.watch(buildWords(name, context, false), say, signal)
    for (const name of foreign) await buildah.watch(buildWords(name, context, true), say, signal)
  } finally {
    // Layers that no image has pile up. What makes the next build quick are the packages of the build stage, which stay.
    await buildah.call('rmi', '--prune')
  }
}

function buildWords(name: ImageName, context: string, foreign: boolean): string[] {
  const own = arch === 'x64' ? 'amd64' : arch
  const other = own === 'amd64' ? 'arm64' : 'amd64'
  const settings = {
    BUILD_IMAGE: LOCAL_BASES.build,
    BASE_IMAGE: LOCAL_BASES.run,
    BUILDPLATFORM: `linux/${own}`,
    TARGETARCH: foreign ? other : own
  }
  const words = Object.entries(settings).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`])
  // Only the format of Docker keeps HEALTHCHECK.
  const fixed = ['--format', 'docker', '--layers', '--force-rm', '--pull-never', '--target', name]
  return ['bud', ...fixed, '--tag', imageTag(name, foreign), ...words, context]
}
