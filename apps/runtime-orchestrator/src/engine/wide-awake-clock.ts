interface Clocks {
  /** Milliseconds; never goes back, and stands still while the machine sleeps. */
  steady: () => number
  /** Milliseconds; is set right after such a sleep, and by hand. */
  wall: () => number
}

const SYSTEM: Clocks = { steady: () => performance.now(), wall: () => Date.now() }

/**
 * A clock in milliseconds that never goes back and runs on while the process, or the whole machine, is paused: a lease
 * that has lapsed for others has lapsed here. When the wall clock is set forward it runs ahead, so it may only be used
 * where too early does no harm.
 */
export function wideAwakeClock({ steady, wall }: Clocks = SYSTEM): () => number {
  let steadyAt = steady()
  let wallAt = wall()
  let now = steadyAt
  return () => {
    const [steadyNow, wallNow] = [steady(), wall()]
    now += Math.max(steadyNow - steadyAt, wallNow - wallAt)
    steadyAt = steadyNow
    wallAt = wallNow
    return now
  }
}
