import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'

/** A Kubernetes object as it is written in a manifest. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; [key: string]: unknown }
  [key: string]: unknown
}

interface Kustomization {
  apiVersion: string
  kind: string
  namespace?: string
  resources?: string[]
  images?: { name: string; newName?: string; newTag?: string; digest?: string }[]
  patches?: { target: PatchTarget; patch: string }[]
}

interface PatchTarget {
  group?: string
  version?: string
  kind?: string
  name?: string
}

interface Operation {
  op: string
  path: string
  value?: unknown
}

const KNOWN = ['apiVersion', 'kind', 'namespace', 'resources', 'images', 'patches']
const CLUSTER_WIDE = ['Namespace']

/**
 * The objects of a kustomization, as `kubectl kustomize` renders them. Understands what our files use: resources,
 * namespace, images, and JSON patches (RFC 6902: add, replace, remove) with a target. Throws on everything else, so that
 * nothing is passed over.
 */
export function renderKustomization(folder: string): Manifest[] {
  const kustomization = readKustomization(folder)
  const unknown = Object.keys(kustomization).find((key) => !KNOWN.includes(key))
  if (unknown) throw new Error(`${folder}: this renderer does not know "${unknown}"`)
  const manifests = (kustomization.resources ?? []).flatMap((resource) => readResource(join(folder, resource)))
  for (const { target, patch } of kustomization.patches ?? []) {
    const found = manifests.filter((manifest) => matches(manifest, target))
    if (found.length === 0) throw new Error(`${folder}: no object for the patch of ${JSON.stringify(target)}`)
    for (const manifest of found) for (const operation of parse(patch) as Operation[]) apply(manifest, operation)
  }
  for (const manifest of manifests) {
    if (kustomization.namespace && !CLUSTER_WIDE.includes(manifest.kind)) {
      manifest.metadata.namespace = kustomization.namespace
    }
    replaceImages(manifest, kustomization.images ?? [])
  }
  return manifests
}

function readKustomization(folder: string): Kustomization {
  return parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as Kustomization
}

function readResource(path: string): Manifest[] {
  if (existsSync(join(path, 'kustomization.yaml'))) return renderKustomization(path)
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => {
    if (document.errors.length > 0) throw new Error(`${path}: ${document.errors[0]?.message}`)
    const manifest = document.toJS() as Manifest
    if (!manifest?.kind || !manifest.metadata?.name) throw new Error(`${path}: an object without kind or name`)
    return manifest
  })
}

function matches({ apiVersion, kind, metadata }: Manifest, target: PatchTarget): boolean {
  const group = apiVersion.includes('/') ? dirname(apiVersion) : ''
  const version = apiVersion.split('/').at(-1)
  const wanted = [
    [target.group, group],
    [target.version, version],
    [target.kind, kind],
    [target.name, metadata.name]
  ]
  return wanted.every(([expected, actual]) => expected === undefined || expected === actual)
}

function apply(manifest: Manifest, { op, path, value }: Operation): void {
  const keys = path
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = keys.pop()
  const parent = keys.reduce<unknown>((item, key) => (item as Record<string, unknown> | undefined)?.[key], manifest)
  if (last === undefined || parent === null || typeof parent !== 'object') throw new Error(`there is no ${path}`)
  const holder = parent as Record<string, unknown>
  if (op !== 'add' && !(last in holder)) throw new Error(`there is no ${path} to ${op}`)
  if (op === 'remove') delete holder[last]
  else if (op !== 'add' && op !== 'replace') throw new Error(`this renderer does not know the operation "${op}"`)
  else if (Array.isArray(parent) && op === 'add') parent.splice(last === '-' ? parent.length : Number(last), 0, value)
  else holder[last] = value
}

function replaceImages(value: unknown, images: NonNullable<Kustomization['images']>): void {
  if (value === null || typeof value !== 'object') return
  for (const [key, item] of Object.entries(value)) {
    if (key !== 'containers' && key !== 'initContainers') {
      replaceImages(item, images)
      continue
    }
    for (const container of item as { image: string }[]) {
      const found = images.find(({ name }) => name === container.image.split(/[:@]/)[0])
      if (!found) continue
      const suffix = found.digest ? `@${found.digest}` : `:${found.newTag ?? 'latest'}`
      container.image = `${found.newName ?? found.name}${suffix}`
    }
  }
}
