import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from '@semibot/stack'
import type { Manifest } from './render.ts'

/** A model checks what is there: types, required fields, formats. */
interface Model {
  validate(): void
}

type ModelModule = Record<string, (new (manifest: unknown) => Model) | undefined>

const PACKAGES: Record<string, string> = {
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator/monitoring.coreos.com',
  'keda.sh': '@kubernetes-models/keda/keda.sh'
}

/** The module that describes objects of this kind. */
function moduleOf({ apiVersion }: Manifest): string {
  const [group = '', version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
  if (group in PACKAGES) return `${PACKAGES[group]}/${version}`
  return group === '' ? `kubernetes-models/${version}` : `kubernetes-models/${group}/${version}`
}

/** What is wrong with an object by the schema of its kind; nothing about fields that the schema does not know. */
export async function schemaProblems(manifest: Manifest): Promise<string[]> {
  const { [manifest.kind]: Model } = (await import(moduleOf(manifest))) as ModelModule
  if (!Model) return [`${moduleOf(manifest)} does not know ${manifest.kind}`]
  try {
    new Model(manifest).validate()
    return []
  } catch (error) {
    return [(error as Error).message]
  }
}

/**
 * What the TypeScript compiler says when it takes each object for a literal of its kind: unknown fields and values that
 * are none of the allowed ones. One text for each mistake, which names the object. The files are made in `folder`, below
 * the package that has the types.
 */
export function strictProblems(manifests: readonly Manifest[], folder: string): string[] {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const files = manifests.map((manifest, index) => {
    const file = `${index}-${manifest.kind}-${manifest.metadata.name}.ts`
    const type = `import type { I${manifest.kind} } from '${moduleOf(manifest)}'\n`
    writeFileSync(
      join(folder, file),
      `${type}export const manifest: I${manifest.kind} = ${JSON.stringify(manifest, null, 2)}\n`
    )
    return file
  })
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n')
  const options = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--skipLibCheck',
    '--pretty',
    'false'
  ]
  // By env: what a test runner tells Node.js by the environment is not meant for the compiler.
  const bare = ['-i', `PATH=${process.env.PATH}`, join(REPOSITORY_ROOT, 'node_modules/.bin/tsc')]
  try {
    execFileSync('env', [...bare, ...options, ...files], { cwd: folder, encoding: 'utf8' })
    return []
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    return `${stdout}${stderr}`.trim().split('\n')
  }
}
