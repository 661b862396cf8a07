/** The window as a hash of one-second buckets and their sums. Mirrors rolling-window.ts. */
export const LUA_WINDOW = `
local window, windowChanged = {}, false
local heads = redis.call('HMGET', KEYS[2], 'oldest', 'newest', unpack(COUNTS))
window.oldest, window.newest = tonumber(heads[1] or 0), tonumber(heads[2] or 0)
for i, name in ipairs(COUNTS) do window[name] = tonumber(heads[i + 2] or 0) end
local function readBucket(second)
  local bucket, i = {}, 1
  for number in string.gmatch(redis.call('HGET', KEYS[2], 'b' .. whole(second)) or '', '[^,]+') do
    bucket[COUNTS[i]] = tonumber(number)
    i = i + 1
  end
  for _, name in ipairs(COUNTS) do bucket[name] = bucket[name] or 0 end
  return bucket
end
local function dropOldest()
  local bucket = readBucket(window.oldest)
  for _, name in ipairs(COUNTS) do window[name] = window[name] - bucket[name] end
  redis.call('HDEL', KEYS[2], 'b' .. whole(window.oldest))
  window.oldest = window.oldest + 1
  windowChanged = true
end
local function advance()
  local second = math.max(window.newest, math.floor(now / 1000))
  if window.samples == 0 then window.oldest = second end
  while window.oldest < second - R.windowSeconds do
    if window.samples == 0 then window.oldest = second else dropOldest() end
  end
  window.newest = second
end
local function addToWindow(counts)
  advance()
  local bucket, fields = readBucket(window.newest), {}
  for i, name in ipairs(COUNTS) do
    window[name] = window[name] + counts[name]
    fields[i] = whole(bucket[name] + counts[name])
  end
  redis.call('HSET', KEYS[2], 'b' .. whole(window.newest), table.concat(fields, ','))
  while window.oldest < window.newest and window.samples - readBucket(window.oldest).samples >= R.maxSamples do
    dropOldest()
  end
  windowChanged = true
end
local function clearWindow()
  redis.call('DEL', KEYS[2])
  for _, name in ipairs(COUNTS) do window[name] = 0 end
  windowChanged = false
end
local function totals()
  advance()
  local counts = {}
  for _, name in ipairs(COUNTS) do counts[name] = window[name] end
  return counts
end
local function writeWindow()
  if not windowChanged then return end
  local fields = { 'oldest', whole(window.oldest), 'newest', whole(window.newest) }
  for _, name in ipairs(COUNTS) do
    fields[#fields + 1] = name
    fields[#fields + 1] = whole(window[name])
  end
  redis.call('HSET', KEYS[2], unpack(fields))
  redis.call('EXPIRE', KEYS[2], R.windowSeconds + 30)
end
`
