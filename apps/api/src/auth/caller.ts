/** What a caller may do in its organisation. `owner` and `admin` may change agents. */
export const CALLER_ROLES = ['owner', 'admin', 'member'] as const

type CallerRole = (typeof CALLER_ROLES)[number]

/** Who sent a request, once `app.authenticate` has run. */
export interface Caller {
  orgId: string
  orgSlug: string
  kind: 'api_key' | 'jwt'
  role: CallerRole
  /** The API key, or the one that a token was made with. */
  keyId?: string
  /** End user by the caller's own name for it: header x-user-id, or the token's `sub`. */
  externalUserId?: string
  /** The same end user as a row of `users`; null for a service that speaks for the whole organisation. */
  userId: string | null
}

/** Whether the caller may change what belongs to the whole organisation. */
export function isOrgAdmin(caller: Caller): boolean {
  return caller.role === 'admin' || caller.role === 'owner'
}
