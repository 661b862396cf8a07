/** Reads the time inside the script, so that no replica's clock decides anything. Whole milliseconds in `now`. */
export const REDIS_TIME = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/** The arguments, and what every part uses. */
export const LUA_PROLOGUE = `
local channel, M, R = ARGV[1], cjson.decode(ARGV[2]), cjson.decode(ARGV[3])
local T = R.thresholds
local COUNTS = { 'samples', 'errors', 'timeouts', 'latencyMs', 'slow', 'slowFirstTokens' }
local RANK = { closed = 0, half_open = 1, open = 2 }
local function whole(number) return string.format('%.0f', number) end
local function exact(number) return string.format('%.17g', number) end
local function readHash(key)
  local flat, fields = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end
`
