import type { Buildah } from './buildah.ts'

/** What an image takes when it is unpacked, in bytes. Throws when the store does not have it. */
export async function imageSizeBytes(buildah: Buildah, tag: string): Promise<number> {
  const [image] = JSON.parse(await buildah.call('images', '--json', tag)) as { size: string }[]
  const [, number = '', unit = ''] = /^([\d.]+) ([KMG]?B)$/.exec(image?.size ?? '') ?? []
  const factor = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9 }[unit]
  if (factor === undefined) throw new Error(`buildah says that ${tag} has the size ${image?.size}`)
  return Number(number) * factor
}
