import { arch } from 'node:process'
import type { Buildah } from './buildah.ts'
import { type ImageName, imageTag } from './image-names.ts'
import { LOCAL_BASES, makeLocalBases } from './local-bases.ts'

export interface BuildOptions {
  names: readonly ImageName[]
  /** The folder with Dockerfile: a clone. */
  context: string
  /** Each line that the build writes. */
  say: (line: string) => void
  signal?: AbortSignal
}

/** Builds targets of Dockerfile for this machine's architecture, without a Docker engine. Throws when one cannot be built. */
export async function buildImages(buildah: Buildah, { names, context, say, signal }: BuildOptions): Promise<void> {
  await makeLocalBases(buildah, say)
  try {
    for (const name of names) await buildah.watch(buildWords(name, context), say, signal)
  } finally {
    // Layers of the build stage take gigabytes. What makes the next build quick is the store of pnpm, which stays.
    await buildah.call('rmi', '--prune')
  }
}

function buildWords(name: ImageName, context: string): string[] {
  const platform = `linux/${arch === 'x64' ? 'amd64' : arch}`
  const settings = {
    BUILD_IMAGE: LOCAL_BASES.build,
    BASE_IMAGE: LOCAL_BASES.run,
    BUILDPLATFORM: platform,
    TARGETARCH: platform.split('/')[1]
  }
  const words = Object.entries(settings).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`])
  // Only the format of Docker keeps HEALTHCHECK.
  const fixed = ['--format', 'docker', '--layers', '--force-rm', '--pull-never', '--target', name]
  return ['bud', ...fixed, '--tag', imageTag(name), ...words, context]
}
