/** One breakage of a rule file, and the cases that must notice it. */
export interface Mutation {
  name: string
  /** Rule file, without `.yml`. */
  file: string
  from: string
  to: string
  /** Names of case files. */
  noticedBy: readonly string[]
}

/** Breakages of one rule file. */
export function ofFile(file: string, mutations: readonly Omit<Mutation, 'file'>[]): Mutation[] {
  return mutations.map((mutation) => ({ ...mutation, file }))
}
