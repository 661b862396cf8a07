/** The targets of Dockerfile that become images. */
export const IMAGES = ['api', 'runtime', 'simulator', 'cli'] as const

export type ImageName = (typeof IMAGES)[number]

/** Of an image that was built here. */
export function imageTag(name: ImageName): string {
  return `localhost/semibot-${name}:local`
}
