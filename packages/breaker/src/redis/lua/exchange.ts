/** Takes one message, decides, answers. Mirrors state/exchange.ts. */
export const LUA_EXCHANGE = `
local changes, adopted = {}, false
local function view(r)
  return { state = r.state, epoch = r.epoch, since = r.since, ['until'] = r['until'], streak = r.streak, results = r.results,
    failures = r.failures, grants = r.grants, rule = r.rule, value = exact(r.value), threshold = exact(r.threshold), force = r.force }
end
local function move(nextRecord, actor)
  if nextRecord.epoch ~= record.epoch then
    local votes, counts = tally(), totals()
    local change = { from = record.state, record = view(nextRecord), actor = actor, counts = counts, votes = votes and votes.open or 0,
      live = votes and votes.live or 0, results = record.results, failures = record.failures }
    changes[#changes + 1] = change
    redis.call('XADD', KEYS[4], 'MAXLEN', '~', R.logLength, '*', 'at', whole(now), 'from', record.state, 'to', nextRecord.state,
      'epoch', whole(nextRecord.epoch), 'rule', nextRecord.rule, 'value', exact(nextRecord.value), 'threshold', exact(nextRecord.threshold),
      'actor', actor, 'replica', M.replica, 'evidence', cjson.encode({ counts = counts, votes = change.votes, live = change.live,
      results = change.results, failures = change.failures }))
    clearWindow()
    clearVotes()
  end
  if nextRecord ~= record then recordChanged = true end
  record = nextRecord
end
local function answer(granted)
  local counts = totals()
  writeWindow()
  local live = 0
  for _, entry in pairs(replicas) do if now - entry.seenAt <= R.liveMs then live = live + 1 end end
  return cjson.encode({ now = now, record = view(record), granted = granted, live = live, counts = counts, changes = changes })
end

record = readRecord()
local before = replicas[M.replica]
if before and M.attempt <= before.attempt then return answer(0) end

local known = M.known
known.since = known.since + now
known['until'] = known.state == 'open' and known['until'] + now or 0
if known.force then known.force['until'] = known.force['until'] + now end
if isNewer(known, record) then
  adopted, recordChanged = true, true
  record = enter(known, known)
  record.grants = {}
  for i = 1, R.permits do record.grants[i] = now end
  if record.state == 'open' and not record.force then record['until'] = math.min(record['until'], now + R.backoffMaxMs) end
  clearWindow()
  clearVotes()
end
noteSpeaker()
local isNewPart = not before or M.part > before.part
local function isCurrent() return known.epoch == record.epoch end
if M.leaving then
  replicas[M.replica] = nil
  redis.call('HDEL', KEYS[3], M.replica)
else
  replicas[M.replica] = { attempt = M.attempt, part = isNewPart and M.part or before.part, seenAt = now, vote = isCurrent() and M.vote or '' }
  writeReplica(M.replica)
  redis.call('PEXPIRE', KEYS[3], R.forgetMs)
end

if record.force and now >= record.force['until'] then move(endForce(), R.automatic) end
if isNewPart and M.command and (not M.isRepeated or isCurrent()) then move(obey(M.command), M.command.actor) end
if isNewPart and isCurrent() and not record.force then
  if record.state == 'closed' and M.counts.samples > 0 then addToWindow(M.counts) end
  if record.state == 'half_open' and M.succeeded + M.failed > 0 then
    record.results, record.failures = record.results + M.succeeded + M.failed, record.failures + M.failed
    recordChanged = true
  end
end
advance()
move(decide(M.healthRecovered and isCurrent()), R.automatic)

local granted = 0
if record.state == 'half_open' and M.wanted > 0 then
  local running = {}
  for _, at in ipairs(record.grants) do if now - at < R.leaseMs then running[#running + 1] = at end end
  granted = math.max(0, math.min(M.wanted, R.permits - #running))
  if granted > 0 then
    for i = 1, granted do running[#running + 1] = now end
    record.grants, recordChanged = running, true
  end
end

if recordChanged then writeRecord() end
if adopted or #changes > 0 then redis.call('PUBLISH', channel, cjson.encode({ replica = M.replica, epoch = record.epoch })) end
return answer(granted)
`
