/** The targets of Dockerfile that become images. */
export const IMAGES = ['api', 'runtime', 'simulator', 'cli'] as const

export type ImageName = (typeof IMAGES)[number]

/** Of an image that was built here; `foreign`: for the other architecture. */
export function imageTag(name: ImageName, foreign = false): string {
  return `localhost/semibot-${name}:${foreign ? 'foreign' : 'local'}`
}
