/** How many chats one organisation runs at the same time in this process. */
export interface OrgConcurrency {
  /**
   * Takes one of the organisation's places.
   *
   * @returns what gives the place back (calling it again does nothing), or null when all are taken.
   */
  acquire(orgId: string): (() => void) | null
}

function noRelease(): void {}

/** @param max places per organisation; 0 means no limit. */
export function createOrgConcurrency(max: number): OrgConcurrency {
  if (max === 0) return { acquire: () => noRelease }

  // Holds only organisations with a chat under way, so its size is bounded by the chats in flight.
  const running = new Map<string, number>()

  return {
    acquire(orgId) {
      const taken = running.get(orgId) ?? 0
      if (taken >= max) return null
      running.set(orgId, taken + 1)

      let released = false
      return () => {
        if (released) return
        released = true
        const left = (running.get(orgId) ?? 1) - 1
        if (left === 0) running.delete(orgId)
        else running.set(orgId, left)
      }
    }
  }
}
