import { ALL_GROUPS } from './groups.ts'
import type { KeyDefinition, KeyGroup, SecretKind } from './key.ts'

/** One key as the docs show it. */
export interface KeyDescription {
  readonly key: string
  readonly group: string
  readonly groupTitle: string
  /** `integer`, `list`, `URL`, `a | b`, ... */
  readonly type: string
  /** What a good value looks like. */
  readonly expected: string
  readonly unit?: string
  /** The default as text; `undefined` when the key is unset by default. */
  readonly default: string | undefined
  /** False when the default follows other keys and `default` describes it in words. */
  readonly defaultIsLiteral: boolean
  readonly doc: string
  readonly secret: SecretKind | undefined
  /** SIGHUP re-reads it. */
  readonly reloadable: boolean
  /** What `npm start` puts there when nobody sets it. */
  readonly setByStart?: string
}

function describe(group: KeyGroup, key: string, definition: KeyDefinition<unknown>): KeyDescription {
  const { kind, default: fallback, doc, unit, secret, setByStart } = definition
  const derived = typeof fallback === 'object'
  return {
    key,
    group: group.name,
    groupTitle: group.title,
    type: kind.type,
    expected: kind.expected,
    ...(unit === undefined ? {} : { unit }),
    default: derived ? fallback.text : fallback,
    defaultIsLiteral: !derived,
    doc,
    secret,
    reloadable: definition.reloadable === true,
    ...(setByStart === undefined ? {} : { setByStart })
  }
}

/** Every key there is, in the order of the docs. */
export function describeKeys(): readonly KeyDescription[] {
  return (ALL_GROUPS as readonly KeyGroup[]).flatMap((group) =>
    Object.entries(group.keys).map(([key, definition]) => describe(group, key, definition))
  )
}
