import { LUA_EXCHANGE } from './lua/exchange.ts'
import { LUA_PROLOGUE, REDIS_TIME } from './lua/prologue.ts'
import { LUA_RECORD } from './lua/record.ts'
import { LUA_REDUCER } from './lua/reducer.ts'
import { LUA_REPLICAS } from './lua/replicas.ts'
import { LUA_WINDOW } from './lua/window.ts'

/**
 * The rule of state/exchange.ts in Lua; a test holds the two equal, step by step. Change them together.
 *
 * KEYS: the record (hash), the window (hash), the replicas (hash), the audit log (stream).
 * ARGV: the channel for changes, the message and the rules, both JSON. Answers JSON.
 *
 * @param time Lua that sets the local `now`, in whole milliseconds
 */
export function exchangeScript(time: string = REDIS_TIME): string {
  return [time, LUA_PROLOGUE, LUA_RECORD, LUA_WINDOW, LUA_REPLICAS, LUA_REDUCER, LUA_EXCHANGE].join('\n')
}
