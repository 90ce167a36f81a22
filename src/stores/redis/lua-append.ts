/**
 * Appends a batch. ARGV: [4] the node, [5] the batch's number, [6] up to which number it has all answers,
 * [7] the number of the batch that must have been stored before this one (0: none), [8] the batch, packed,
 * [9] the most bytes of a batch to be announced with it.
 *
 * A batch that comes again (its answer was lost) is answered as before and not stored again; one that is
 * overtaken is never stored. Answers `early` when the one before it is missing.
 */
export const APPEND_LUA = `
local N = base .. 'n:' .. ARGV[4]
local seq, acked, former, blob = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local done = tonumber(call('HGET', N, 'done') or '0')
if seq <= done then return call('HGET', N, ARGV[5]) or 'gone' end
if former > done then return 'early' end

local function known(slot, print)
  if slot == '' or WINDOW == 0 or KEYS_MAX == 0 then return nil end
  local value = call('HGET', base .. 'k', slot)
  if not value then return nil end
  local id, time, former_print = string.match(value, '^(%S+) (%d+) (.*)$')
  if time + WINDOW <= now then return nil end
  return former_print == print and '=' .. id or '!'
end

-- In the order of ids, which is that of times.
local function remember(slot, print, id, time)
  if slot == '' or WINDOW == 0 or KEYS_MAX == 0 then return end
  call('HSET', base .. 'k', slot, text(id) .. ' ' .. whole(time) .. ' ' .. print)
  call('ZADD', base .. 'kz', whole(id), slot)
  local past = max(0, floor_of((time - WINDOW) / 1000)) * IDS - 1
  local old = call('ZRANGEBYSCORE', base .. 'kz', '-inf', whole(past), 'LIMIT', 0, 10)
  for _, one in ipairs(old) do
    call('ZREM', base .. 'kz', one)
    call('HDEL', base .. 'k', one)
  end
  while call('ZCARD', base .. 'kz') > KEYS_MAX do
    call('HDEL', base .. 'k', call('ZPOPMIN', base .. 'kz')[1])
  end
end

local function trim(c)
  while c.count > 1 and ((MAX > 0 and c.count > MAX) or c.bytes > CHANNEL_BYTES) do
    if not retire(c) then break end
  end
  local steps = 1000
  while S.count > 1 and (S.count > TOTAL or S.bytes > BYTES) and steps > 0 do
    steps = steps - 1
    local e = call('XRANGE', base .. 'all', '-', '+', 'COUNT', 1)[1]
    if not e then break end
    local owner = load(e[2][2])
    if owner then retire(owner) end
    call('XDEL', base .. 'all', e[1])
  end
end

expire(500)
local prev, results, stored, aged = S.last, {}, 0, {}
local at = 1
while at <= #blob do
  local name, slot, print, ttl, size, meta, body
  name, slot, print, ttl, size, meta, body, at = struct.unpack('>I2c0I1c0I1c0i4I4I4c0I4c0', blob, at)
  local result = known(slot, print)
  if not result then
    local id = next_id()
    local time = max(now, floor_of(id / IDS) * 1000)
    local c = open(name)
    result = text(id)
    S.last, S.time = id, time
    c.used = c.last ~= nil
    c.last, c.appended, c.dirty = id, c.appended + 1, true
    -- What has no time at all is heard and never read.
    if ttl ~= 0 then
      local expires = ttl > 0 and whole(time + ttl * 1000) or '0'
      call('XADD', c.stream, result, 't', whole(time) .. ' ' .. expires .. ' ' .. size, 'm', meta, 'b', body)
      call('XADD', base .. 'all', result, 'c', name)
      if ttl > 0 then call('ZADD', base .. 'x', expires, result .. ' ' .. size .. ' ' .. name) end
      c.count, c.bytes = c.count + 1, c.bytes + size
      S.count, S.bytes = S.count + 1, S.bytes + size
      trim(c)
    end
    if not aged[name] then
      aged[name] = true
      age(c)
    end
    remember(slot, print, id, time)
    stored, changed = stored + 1, true
  end
  results[#results + 1] = result
end
finish()
local head = whole(prev) .. ' ' .. whole(now) .. ' ' .. table.concat(results, ',')
-- A Redis that forgot us has none of those answers: there may be millions of numbers.
local former_acked = call('HGET', N, 'acked')
for one = tonumber(former_acked or acked) + 1, acked do call('HDEL', N, whole(one)) end
call('HSET', N, 'done', ARGV[5], 'acked', ARGV[6], ARGV[5], head)
call('PEXPIRE', N, 86400000)
if stored > 0 then
  if #blob > tonumber(ARGV[9]) then
    call(PUBLISH, base .. 'a', 'L' .. whole(S.last))
  else
    call(PUBLISH, base .. 'a', 'A' .. head .. '\\n' .. blob)
  end
end
return head
`

/** Removes a channel. ARGV: [4] its name. Answers its stat before, or nothing. */
export const REMOVE_LUA = `
expire(500)
local c = load(ARGV[4])
if not c then finish() clean(500) return false end
age(c)
local stat = { whole(c.count), whole(c.appended), whole(c.bytes), c.last and whole(c.last) or '',
  whole(max(c.floor, S.base)), whole(now) }
discard(c)
local prev, id = S.last, next_id()
S.last, S.time, changed = id, max(now, floor_of(id / IDS) * 1000), true
call('XADD', base .. 'removed', 'MAXLEN', REMOVALS, text(id), 'c', ARGV[4])
finish()
clean(500)
call(PUBLISH, base .. 'a', 'R' .. whole(prev) .. ' ' .. whole(id) .. '\\n' .. ARGV[4])
return stat
`

/** What is known of a channel. ARGV: [4] its name, [5] 1 to make it known. */
export const STAT_LUA = `
expire(500)
local c = load(ARGV[4])
if not c and ARGV[5] == '1' then c = open(ARGV[4]) end
if c then age(c) end
finish()
if not c then return false end
return { whole(c.count), whole(c.appended), whole(c.bytes), c.last and whole(c.last) or '',
  whole(max(c.floor, S.base)), whole(now) }
`

/** Drops what is past its time, and tells where the log ends. */
export const SWEEP_LUA = `
expire(1000)
age_all(1000)
finish()
clean(1000)
return whole(now) .. ' ' .. whole(S.last) .. ' ' .. whole(S.base)
`

/** How many partitions this store has. ARGV: [4] how many it has if it begins only now. */
export const PARTITIONS_LUA = `
local held = call('GET', base .. 'partitions')
if held then return held end
held = call('EXISTS', M) == 1 and '1' or ARGV[4]
call('SET', base .. 'partitions', held)
return held
`
