/** Who takes part and how they vote: one field per replica, and `@bornAt`. Mirrors state/votes.ts. */
export const LUA_REPLICAS = `
local replicas, bornAt = readHash(KEYS[3]), 0
bornAt = tonumber(replicas['@bornAt'] or 0)
replicas['@bornAt'] = nil
for id, packed in pairs(replicas) do
  local attempt, part, seenAt, vote = string.match(packed, '^(%d+),(%d+),(%d+),(.*)$')
  replicas[id] = { attempt = tonumber(attempt), part = tonumber(part), seenAt = tonumber(seenAt), vote = vote }
end
local function writeReplica(id)
  local e = replicas[id]
  redis.call('HSET', KEYS[3], id, whole(e.attempt) .. ',' .. whole(e.part) .. ',' .. whole(e.seenAt) .. ',' .. e.vote)
end
local function noteSpeaker()
  local anybody = false
  for id, entry in pairs(replicas) do
    local silentMs = now - entry.seenAt
    if silentMs <= R.liveMs then anybody = true end
    if silentMs > R.forgetMs then
      replicas[id] = nil
      redis.call('HDEL', KEYS[3], id)
    end
  end
  if not anybody then
    bornAt = now
    redis.call('HSET', KEYS[3], '@bornAt', whole(now))
  end
end
local function tally()
  if now - bornAt < R.settleMs then return nil end
  local open, live, unavailable = 0, 0, 0
  for _, entry in pairs(replicas) do
    if now - entry.seenAt <= R.liveMs then
      live = live + 1
      if entry.vote ~= '' then open = open + 1 end
      if entry.vote == 'unavailable' then unavailable = unavailable + 1 end
    end
  end
  return { open = open, live = live, reason = unavailable * 2 >= open and 'unavailable' or 'health' }
end
local function clearVotes()
  for id, entry in pairs(replicas) do
    if entry.vote ~= '' then
      entry.vote = ''
      writeReplica(id)
    end
  end
end
`
