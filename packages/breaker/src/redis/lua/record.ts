/** The record as a hash: reading, writing, comparing, entering a state. Mirrors state/record.ts. */
export const LUA_RECORD = `
local record, recordChanged
local function readRecord()
  local f = readHash(KEYS[1])
  if not f.state then
    recordChanged = true
    return { state = 'closed', epoch = 0, since = now, ['until'] = 0, streak = 0, results = 0, failures = 0, grants = {},
      rule = '', value = 0, threshold = 0 }
  end
  local r = { state = f.state, rule = f.rule, grants = {} }
  for _, name in ipairs({ 'epoch', 'since', 'until', 'streak', 'results', 'failures', 'value', 'threshold' }) do
    r[name] = tonumber(f[name])
  end
  for at in string.gmatch(f.grants, '[^,]+') do r.grants[#r.grants + 1] = tonumber(at) end
  if f.forceMode ~= '' then
    r.force = { mode = f.forceMode, ['until'] = tonumber(f.forceUntil), actor = f.forceActor, text = f.forceText }
  end
  return r
end
local function writeRecord()
  local grants, force = {}, record.force or { mode = '', ['until'] = 0, actor = '', text = '' }
  for i, at in ipairs(record.grants) do grants[i] = whole(at) end
  redis.call('HSET', KEYS[1], 'state', record.state, 'epoch', whole(record.epoch), 'since', whole(record.since),
    'until', whole(record['until']), 'streak', whole(record.streak), 'results', whole(record.results),
    'failures', whole(record.failures), 'grants', table.concat(grants, ','), 'rule', record.rule,
    'value', exact(record.value), 'threshold', exact(record.threshold), 'forceMode', force.mode,
    'forceUntil', whole(force['until']), 'forceActor', force.actor, 'forceText', force.text)
end
local function isNewer(a, b) return a.epoch > b.epoch or (a.epoch == b.epoch and RANK[a.state] > RANK[b.state]) end
local function enter(from, change)
  local r = { state = from.state, epoch = from.epoch + 1, since = now, ['until'] = 0, streak = from.streak, results = 0,
    failures = 0, grants = from.grants, rule = from.rule, value = 0, threshold = 0, force = from.force }
  for name, value in pairs(change) do r[name] = value end
  if change.force == false then r.force = nil end
  return r
end
`
