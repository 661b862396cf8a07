/** What the evidence and the orders do to the record. Mirrors state/reducer.ts. */
export const LUA_REDUCER = `
local function evaluateThresholds(c)
  if c.samples < T.minSamples or c.samples == 0 then return nil end
  local rules = {
    { 'error_rate', c.errors / c.samples, T.errorRate }, { 'timeout_rate', c.timeouts / c.samples, T.timeoutRate },
    { 'latency', c.latencyMs / c.samples, T.meanLatencyMs },
    { 'p95_latency', c.slow / c.samples, T.p95LatencyMs and R.p95Share },
    { 'first_token', c.slowFirstTokens / c.samples, T.firstTokenMs and (T.slowFirstTokenRate or R.slowFirstTokenRate) }
  }
  for i = 1, 5 do
    if rules[i][3] and rules[i][2] > rules[i][3] then return rules[i] end
  end
end
local function trip(rule, value, threshold)
  local calm = record.state == 'closed' and now - record.since >= R.calmMs
  local streak = calm and 1 or math.min(record.streak + 1, R.maxStreak)
  local planned = R.backoffBaseMs * 2 ^ (streak - 1) * (1 + R.jitterShare * M.jitter)
  local delay = math.floor(math.min(R.backoffMaxMs, planned))
  return enter(record, { state = 'open', ['until'] = now + delay, streak = streak, rule = rule, value = value, threshold = threshold })
end
local function judgeTrials()
  if record.failures < R.maxTrialFailures then
    local needed = math.min(R.maxTrials, R.trials * math.max(1, record.streak))
    if record.results < needed then return record end
    local rate = record.results == 0 and 0 or record.failures / record.results
    if record.results > 0 and (rate == 0 or rate < T.errorRate * R.recoveryFactor) and T.meanLatencyMs >= 0 then
      return enter(record, { state = 'closed', rule = 'recovered', value = record.failures, threshold = record.results })
    end
  end
  if record.rule == 'forced' then return trip('unavailable', 0, 0) end
  return trip(record.rule, record.value, record.threshold)
end
local function decide(healthRecovered)
  if record.force then return record end
  if record.state == 'closed' then
    local votes = tally()
    if votes and votes.open * 2 > votes.live then return trip(votes.reason, votes.open, votes.live) end
    local reason = evaluateThresholds(totals())
    if reason then return trip(reason[1], reason[2], reason[3]) end
  elseif record.state == 'open' then
    if now >= record['until'] or healthRecovered then
      return enter(record, { state = 'half_open', value = record.value, threshold = record.threshold })
    end
  else
    return judgeTrials()
  end
  return record
end
local function endForce() return enter(record, { state = record.state == 'open' and 'half_open' or 'closed', rule = 'forced', force = false }) end
local function obey(command)
  if command.type == 'reset' then return enter(record, { state = 'closed', streak = 0, rule = 'reset', force = false }) end
  if command.type == 'force_auto' then return record.force and endForce() or record end
  local mode = command.type == 'force_open' and 'open' or 'closed'
  local ends = now + command.expiresInMs
  return enter(record, { state = mode, ['until'] = mode == 'open' and ends or 0, streak = 0, rule = 'forced',
    force = { mode = mode, ['until'] = ends, actor = command.actor, text = command.text } })
end
`
