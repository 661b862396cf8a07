import type { CallerRole } from './caller.ts'

/** An API key that is valid now. */
export interface KnownApiKey {
  id: string
  orgId: string
  orgSlug: string
  role: CallerRole
  /** SHA-256 of the whole key. */
  hash: Uint8Array
}

/** What authentication asks of the database; each answer is remembered for a short while. */
export interface Credentials {
  /** undefined: unknown or revoked. */
  apiKey(id: string): Promise<KnownApiKey | undefined>
  organization(id: string): Promise<{ id: string; slug: string } | undefined>
  /** Our id of an end user, who is stored on first sight. */
  userId(orgId: string, externalId: string): Promise<string>
}
