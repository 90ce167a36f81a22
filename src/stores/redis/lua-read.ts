/**
 * A page of each of some channels. ARGV: [4] messages and [5] bytes at most, [6] after and [7] up to which id
 * (-1: to the end), [8] 1 for the newest, [9…] names. Answers `<now> <last> <floor> <end>`, and for each
 * channel that is known whether there is more, its name, and its messages.
 */
export const READ_LUA = `
local limit, bytes, after, upto = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local newest = ARGV[8] == '1'
expire(500)
local stop = (upto >= 0 and upto < S.last) and upto or S.last
local floor, out = S.base, {}

local function page(c)
  local list = { '0', c.name }
  local got, sum = 0, 0
  local mean = max(1, c.bytes / max(1, c.count) - OVERHEAD)
  local from, to = '(' .. text(after), text(stop)
  while true do
    local count = max(1, min(limit - got + 1, math.ceil((bytes - sum) / mean) + 1, 500))
    local found = newest and call('XREVRANGE', c.stream, to, from, 'COUNT', count)
      or call('XRANGE', c.stream, from, to, 'COUNT', count)
    for _, e in ipairs(found) do
      if got >= limit or (got > 0 and sum >= bytes) then
        list[1] = '1'
        return list
      end
      local f = e[2]
      list[#list + 1], list[#list + 2], list[#list + 3], list[#list + 4] = e[1], f[2], f[4], f[6]
      got, sum = got + 1, sum + weight(f[2])
    end
    if #found < count then return list end
    if newest then to = '(' .. found[#found][1] else from = '(' .. found[#found][1] end
  end
end

for i = 9, #ARGV do
  local c = load(ARGV[i])
  if c then
    age(c)
    if c.count > 0 and after < stop then out[#out + 1] = page(c) end
  end
  floor = max(floor, floor_for(ARGV[i]))
end
finish()
return { whole(now) .. ' ' .. whole(S.last) .. ' ' .. whole(floor) .. ' ' .. whole(stop), out }
`

/**
 * A page over many channels, by the index of all ids. ARGV: [4] messages and [5] bytes at most, [6] after,
 * [7] up to (-1: to the end), [8] 1 for the newest, [9] `names` (these channels), `match` (these and
 * subtrees), `all` (everything, with removals; the floor is then the highest of any) or `index` (only which ids
 * and names there are), [10] how many names follow; then names, then prefixes.
 * Answers `<now> <last> <floor> <up to where it is complete>`, the messages, and the removals.
 */
export const SCAN_LUA = `
local limit, bytes, after, upto = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local newest, mode, names_end = ARGV[8] == '1', ARGV[9], 10 + tonumber(ARGV[10])
local names, prefixes = {}, {}
for i = 11, names_end do names[ARGV[i]] = true end
for i = names_end + 1, #ARGV do prefixes[#prefixes + 1] = ARGV[i] end

local function matches(name)
  if mode == 'all' or names[name] then return true end
  if mode == 'index' then return string.sub(name, 1, 1) == 'c' end
  for _, prefix in ipairs(prefixes) do
    if string.sub(name, 1, #prefix) == prefix then return true end
  end
  return false
end

expire(500)
age_all(2000)
finish()
local stop = (upto >= 0 and upto < S.last) and upto or S.last
local out, got, sum, full, scanned = {}, 0, 0, false, after
local from, to = '(' .. text(after), text(stop)
local steps = (mode == 'index' or not newest) and 5000 or 50000
local count = mode == 'index' and 1000 or min(limit + 1, 500)
if after >= stop then scanned = stop end
while not full and after < stop do
  local found = newest and call('XREVRANGE', base .. 'all', to, from, 'COUNT', count)
    or call('XRANGE', base .. 'all', from, to, 'COUNT', count)
  for _, e in ipairs(found) do
    local name = e[2][2]
    if matches(name) then
      if mode == 'index' then
        out[#out + 1], out[#out + 2] = e[1], name
      elseif got >= limit or (got > 0 and sum >= bytes) then
        full = true
        break
      else
        local m = call('XRANGE', base .. 's:' .. name, e[1], e[1])[1]
        if m then
          local f = m[2]
          local n = #out
          out[n + 1], out[n + 2], out[n + 3], out[n + 4], out[n + 5] = e[1], name, f[2], f[4], f[6]
          got, sum, scanned = got + 1, sum + weight(f[2]), num(e[1])
        end
      end
    end
  end
  if full then break end
  if #found < count then
    scanned = stop
    break
  end
  local last = found[#found][1]
  scanned = num(last)
  if newest then to = '(' .. last else from = '(' .. last end
  steps = steps - count
  if steps <= 0 then break end
  count = 500
end

-- Of a subtree, a channel that is not known has the store's floor; of everything, any channel's counts.
local floor = mode == 'names' and S.base or max(S.floor, S.base)
if mode == 'all' then floor = max(floor, S.highest) end
for name in pairs(names) do floor = max(floor, floor_for(name)) end
if mode == 'match' and after < S.highest then
  local offset, found = 0, false
  while not found do
    local f = call('ZREVRANGEBYSCORE', base .. 'floors', '+inf', '(' .. whole(floor), 'WITHSCORES', 'LIMIT', offset, 500)
    for i = 1, #f, 2 do
      if matches(f[i]) then
        floor, found = tonumber(f[i + 1]), true
        break
      end
    end
    if #f < 1000 then break end
    offset = offset + 500
  end
end

local removed = {}
if mode == 'all' then
  for _, e in ipairs(call('XRANGE', base .. 'removed', '(' .. text(after), text(max(after, scanned)), 'COUNT', REMOVALS)) do
    removed[#removed + 1], removed[#removed + 2] = e[1], e[2][2]
  end
end
return { whole(now) .. ' ' .. whole(S.last) .. ' ' .. whole(floor) .. ' ' .. whole(scanned),
  out, removed }
`

/**
 * Messages that were found in the index. ARGV: [4] messages and [5] bytes at most, then ids and names by
 * turns. Answers `<now> <last> <floor> <1 when there was no room for all>`, and the messages.
 */
export const PICK_LUA = `
local limit, bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local out, got, sum, full = {}, 0, 0, '0'
for i = 6, #ARGV, 2 do
  local m = call('XRANGE', base .. 's:' .. ARGV[i + 1], ARGV[i], ARGV[i])[1]
  if m then
    if got >= limit or (got > 0 and sum >= bytes) then
      full = '1'
      break
    end
    local f = m[2]
    local n = #out
    out[n + 1], out[n + 2], out[n + 3], out[n + 4], out[n + 5] = ARGV[i], ARGV[i + 1], f[2], f[4], f[6]
    got, sum = got + 1, sum + weight(f[2])
  end
end
return { whole(now) .. ' ' .. whole(S.last) .. ' ' .. whole(max(S.floor, S.base)) .. ' ' .. full, out }
`

/**
 * The channels with the highest floors. ARGV: [4] above which, [5] how many to pass by. Answers names and
 * floors by turns.
 */
export const FLOORS_LUA = `
return call('ZREVRANGEBYSCORE', base .. 'floors', '+inf', '(' .. ARGV[4], 'WITHSCORES', 'LIMIT', ARGV[5], 500)
`

/** A stretch of the list of channels. ARGV: [4] from which place on, [5] how many. */
export const LIST_LUA = `
finish()
local found = call('ZRANGEBYSCORE', base .. 'names', ARGV[4], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[5])
return { whole(call('ZCARD', base .. 'names') - S.privates), found }
`
