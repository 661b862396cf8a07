import type { z } from 'zod'

/** How one kind of value is read from text and described to people. */
export interface ValueKind<T> {
  /** Reads cleaned text. Its issues are phrased as what was expected. */
  readonly schema: z.ZodType<T, string>
  /** What a good value looks like, to follow the word "expected". */
  readonly expected: string
  /** Short type for tables: `integer`, `list of URLs`, ... */
  readonly type: string
  /** A list that may be empty: the empty string is the empty list and not "unset". */
  readonly emptyIsValue?: boolean
  /** Any text may be meant (tokens, paths), so an unquoted ` #` of the environment is part of the value. */
  readonly freeText?: boolean
}

/** `whole`: never shown. `password`: a URL of which only the password is hidden. */
export type SecretKind = 'whole' | 'password'

/** Values read so far, for defaults that follow another key. */
export type KnownValues = Readonly<Record<string, unknown>>

/** Where an effective value came from. */
export type Origin = 'environment' | 'file' | 'default'

/** A default that depends on other keys; `text` describes it in the docs. */
export interface DerivedDefault {
  readonly text: string
  readonly from: (values: KnownValues) => string
}

/** One environment key: how to read it, what it means, and what it is when nobody sets it. */
export interface KeyDefinition<T> {
  readonly kind: ValueKind<T>
  readonly default: string | DerivedDefault | undefined
  /** One or two sentences for operators. */
  readonly doc: string
  /** `ms`, `s`, `days`, `percent`, ... */
  readonly unit?: string
  readonly secret?: SecretKind
  /** Re-read on SIGHUP. */
  readonly reloadable?: boolean
  /** What `npm start` puts there by itself when nobody sets it. */
  readonly setByStart?: string
}

type KeyOptions<T> = Omit<KeyDefinition<T>, 'kind' | 'default'> & { readonly kind: ValueKind<T> }

/** Keys that belong together, with the checks that need more than one of them. */
export interface KeyGroup<K extends Readonly<Record<string, KeyDefinition<unknown>>> = Keys> {
  readonly name: string
  readonly title: string
  readonly keys: K
  /** Runs after all keys were read; a key that is bad, or of a group that is not loaded, is `undefined`. */
  readonly check?: (values: KnownValues, origins: Readonly<Record<string, Origin>>) => readonly CheckFailure[]
}

/** What a check found: the key to change, and what was expected of it. */
export interface CheckFailure {
  readonly key: string
  readonly expected: string
  /** A warning is reported and does not stop the start. */
  readonly warning?: boolean
}

export type Keys = Readonly<Record<string, KeyDefinition<unknown>>>

type ValueOf<D> = D extends KeyDefinition<infer T> ? T : never
type KeysOf<G> = G extends KeyGroup<infer K> ? { readonly [N in keyof K]: ValueOf<K[N]> } : never
type Intersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never

/** The typed values of a list of groups, by key name. */
export type ValuesOf<G extends readonly KeyGroup[]> = {
  [N in keyof Intersection<KeysOf<G[number]>>]: Intersection<KeysOf<G[number]>>[N]
}

/** Defines a key that always has a value. */
export function key<T>(options: KeyOptions<T> & { readonly default: string | DerivedDefault }): KeyDefinition<T> {
  return options
}

/** Defines a key that is `undefined` when nobody sets it. */
export function optionalKey<T>(options: KeyOptions<T>): KeyDefinition<T | undefined> {
  return { ...options, default: undefined }
}

/** Gives a group its exact type. */
export function defineGroup<const K extends Keys>(group: KeyGroup<K>): KeyGroup<K> {
  return group
}
