import { sql } from 'kysely'

/**
 * Settings of the functions on the hot path. Their plans are made once per connection and must be the same on
 * a table of ten rows and of ten million: a sequential scan that was chosen in the first minute of a new
 * database would be kept while the tables grow.
 */
export const TURN_FUNCTION_SETTINGS = sql`
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off`
