interface Clocks {
  /** Milliseconds; never goes back, and stands still while the machine sleeps. */
  steady: () => number
  /** Milliseconds; is set right after such a sleep, and by hand. */
  wall: () => number
}

/** A smaller lead of the wall clock is its coarser unit, or that it is put right: many of those add up to no sleep. */
const SLEEP_MS = 100

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
    const steadyMs = steadyNow - steadyAt
    const sleptMs = wallNow - wallAt - steadyMs
    now += steadyMs + (sleptMs >= SLEEP_MS ? sleptMs : 0)
    steadyAt = steadyNow
    wallAt = wallNow
    return now
  }
}
