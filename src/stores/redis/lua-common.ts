import { OVERHEAD } from './codec.ts'
import type { MemoryLimits } from '../memory.ts'

/** Redis refuses nothing larger, and numbers of Lua are exact up to here. */
const LARGEST = 2 ** 52
/** Removals that are remembered for nodes that were away. */
export const REMOVALS = 1_000

/**
 * What all scripts begin with: the store's state, its channels, and retention. `KEYS[1]` is `<base>m`;
 * all other keys have the same base, and with it the same hash slot.
 *
 * ARGV[1] is the caller's clock in ms; ARGV[2] the newest id that it knows to have been given: when Redis
 * knows less, it has lost something, and every floor rises to there; ARGV[3] an id that the next ones are to
 * lie beyond.
 */
export function commonLua(
  limits: MemoryLimits,
  maxSkew: number | undefined,
  cluster: boolean,
): string {
  const bounds = [
    limits.minMessages,
    limits.maxMessages,
    limits.maxAge,
    limits.maxChannelBytes,
    limits.maxTotalMessages,
    limits.maxBytes,
    limits.maxChannels,
    limits.keyWindow,
    limits.maxKeys,
    maxSkew ?? -1,
    OVERHEAD,
    REMOVALS,
  ].map((bound) => String(Math.min(bound, LARGEST)))
  return `
${clusterLua(cluster)}
local MIN, MAX, AGE, CHANNEL_BYTES, TOTAL, BYTES, CHANNELS, WINDOW, KEYS_MAX, SKEW, OVERHEAD, REMOVALS =
  ${bounds.join(', ')}
${COMMON}`
}

/**
 * What every script of ours begins with. While a hash slot is on its way to another node, a call for a key
 * that is not here (any more) fails, and would end a script in its middle; one for a key that never is
 * anywhere fails first, before anything was written. How the announcement is made differs, too.
 */
export function clusterLua(cluster: boolean): string {
  if (!cluster) return "local PUBLISH = 'PUBLISH'"
  return `
local PUBLISH = 'SPUBLISH'
local probe = redis.pcall('EXISTS', string.match(KEYS[1], '^.-{.-}:') .. 'probe')
if type(probe) == 'table' then return redis.error_reply('MIGRATING ' .. probe.err) end`
}

const COMMON = `
local IDS = 2097152
local M = KEYS[1]
local base = string.sub(M, 1, -2)
local call, floor_of, max, min = redis.call, math.floor, math.max, math.min
local function whole(n) return string.format('%.0f', n) end
local function text(id) return string.format('%.0f-%.0f', floor_of(id / IDS), id % IDS) end
local function num(t)
  local s, n = string.match(t, '^(%d+)-(%d+)$')
  return s * IDS + n
end

local now, seen, least = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if SKEW >= 0 then
  local t = call('TIME')
  local own = t[1] * 1000 + floor_of(t[2] / 1000)
  local most = own + SKEW
  now = max(own, min(now, most))
  least = min(least, floor_of(most / 1000) * IDS)
end

-- The state of the whole store.
local S, changed = {}, false
do
  local v = call('GET', M)
  if v then
    local n = {}
    for one in string.gmatch(v, '%d+') do n[#n + 1] = tonumber(one) end
    S.last, S.time, S.floor, S.base, S.highest, S.count, S.bytes, S.aged, S.hand, S.place, S.privates = unpack(n)
    if seen > S.last then S.last, S.base, changed = seen, seen, true end
    if least > S.last then S.last, changed = least, true end
  else
    local start = max(floor_of(now / 1000) * IDS + IDS - 1, seen, least)
    S = { last = start, time = 0, floor = start, base = start, highest = start, count = 0, bytes = 0,
      aged = 0, hand = 0, place = 0, privates = 0 }
    changed = true
  end
  now = max(now, S.time)
end

local function next_id()
  local second = floor_of(now / 1000) * IDS
  return second > S.last and second or S.last + 1
end

-- Channels, each read once and written once, however often a script comes upon it.
local C = {}
local function load(name)
  local c = C[name]
  if c ~= nil then return c end
  local v = call('GET', base .. 'h:' .. name)
  if v then
    local count, bytes, appended, last, floor, place, used = string.match(v, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d)$')
    c = { name = name, stream = base .. 's:' .. name, count = tonumber(count), bytes = tonumber(bytes),
      appended = tonumber(appended), last = last ~= '0' and tonumber(last) or nil, floor = tonumber(floor),
      place = place, used = used == '1' }
  else
    c = false
  end
  C[name] = c
  return c
end

local function raise(c, id)
  if id > c.floor then c.floor, c.raised, c.dirty = id, true, true end
  if id > S.highest then S.highest, changed = id, true end
end

-- Takes one message out; c may be written later.
local function drop(c, id, expires, size)
  if call('XDEL', c.stream, id) == 0 then return false end
  call('XDEL', base .. 'all', id)
  if expires ~= '0' then call('ZREM', base .. 'x', id .. ' ' .. size .. ' ' .. c.name) end
  size = tonumber(size)
  c.count, c.bytes, c.dirty = c.count - 1, c.bytes - size, true
  S.count, S.bytes, changed = S.count - 1, S.bytes - size, true
  return true
end

local STAMP = '^(%d+) (%d+) (%d+)$'

-- Drops a channel's oldest message because of a bound; what had run out was not lost by this.
local function retire(c)
  local e = call('XRANGE', c.stream, '-', '+', 'COUNT', 1)[1]
  if not e then return false end
  local _, expires, size = string.match(e[2][2], STAMP)
  drop(c, e[1], expires, size)
  expires = tonumber(expires)
  if expires == 0 or expires > now then raise(c, num(e[1])) end
  return true
end

-- Whether anything may be too old: where the oldest of all is young enough, no channel need be looked at.
local may_be_old
local function all_young(cutoff)
  if may_be_old == nil then
    local e = call('XRANGE', base .. 'all', '-', '+', 'COUNT', 1)[1]
    may_be_old = e ~= nil and floor_of(num(e[1]) / IDS) * 1000 <= cutoff
  end
  return not may_be_old
end

-- Drops what of a channel is too old.
local function age(c)
  local cutoff = now - AGE
  if AGE == 0 or c.count <= MIN or cutoff < 0 or all_young(cutoff) then return end
  local last = whole(floor_of(cutoff / 1000))
  for _ = 1, 20 do
    local found = call('XRANGE', c.stream, '-', last, 'COUNT', 100)
    for _, e in ipairs(found) do
      local time, expires, size = string.match(e[2][2], STAMP)
      if tonumber(time) > cutoff or c.count <= MIN then return end
      drop(c, e[1], expires, size)
      expires = tonumber(expires)
      if expires == 0 or expires > now then raise(c, num(e[1])) end
    end
    if #found < 100 then return end
  end
end

-- Drops what has run out by its own expiry, and raises no floor.
local function expire(steps)
  local due = call('ZRANGEBYSCORE', base .. 'x', '-inf', whole(now), 'LIMIT', 0, steps)
  for _, member in ipairs(due) do
    local id, size, name = string.match(member, '^(%S+) (%d+) (.*)$')
    local c = load(name)
    if not (c and drop(c, id, '1', size)) then call('ZREM', base .. 'x', member) end
  end
end

-- Drops what of any channel is too old, oldest first. What MIN protects is passed by for good.
local function age_all(steps)
  local cutoff = now - AGE
  if AGE == 0 or cutoff < 0 or all_young(cutoff) then return end
  local second = floor_of(cutoff / 1000)
  local looked = {}
  while steps > 0 do
    local found = call('XRANGE', base .. 'all', '(' .. text(S.aged), whole(second), 'COUNT', min(steps, 200))
    for _, e in ipairs(found) do
      local id, name = num(e[1]), e[2][2]
      local c = load(name)
      if not c then
        call('XDEL', base .. 'all', e[1])
      elseif not looked[name] then
        looked[name] = true
        age(c)
      end
      -- Of the last second, some may be young enough still.
      if floor_of(id / IDS) >= second then return end
      S.aged, changed = id, true
    end
    if #found < 200 then return end
    steps = steps - #found
  end
end

-- What a channel held goes aside, to be taken out of the index a piece at a time.
local function discard(c)
  S.count, S.bytes, changed = S.count - c.count, S.bytes - c.bytes, true
  if string.sub(c.name, 1, 1) == 'p' then S.privates = S.privates - 1 end
  call('DEL', base .. 'h:' .. c.name)
  call('ZREM', base .. 'names', c.name)
  call('ZREM', base .. 'floors', c.name)
  if c.count > 0 and call('EXISTS', c.stream) == 1 then
    call('RENAME', c.stream, base .. 't:' .. c.place)
    call('RPUSH', base .. 'trash', c.place .. ' ' .. c.name)
  else
    call('DEL', c.stream)
  end
  C[c.name] = false
end

local function clean(steps)
  while steps > 0 do
    local item = call('LINDEX', base .. 'trash', 0)
    if not item then return end
    local place, name = string.match(item, '^(%d+) (.*)$')
    local key = base .. 't:' .. place
    local found = call('XRANGE', key, '-', '+', 'COUNT', min(steps, 100))
    for _, e in ipairs(found) do
      local _, expires, size = string.match(e[2][2], STAMP)
      call('XDEL', key, e[1])
      call('XDEL', base .. 'all', e[1])
      if expires ~= '0' then call('ZREM', base .. 'x', e[1] .. ' ' .. size .. ' ' .. name) end
    end
    if #found < min(steps, 100) then
      call('DEL', key)
      call('LPOP', base .. 'trash')
    end
    steps = steps - #found - 1
  end
end

-- Forgets a channel that was not used for long: the next on the hand's way without new use.
local function forget_one()
  for step = 1, 200 do
    local r = call('ZRANGEBYSCORE', base .. 'names', '(' .. whole(S.hand), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if #r == 0 then
      if S.hand == 0 then return end
      S.hand = 0
    else
      S.hand = tonumber(r[2])
      local c = load(r[1])
      if c.used and step < 200 then
        c.used, c.dirty = false, true
      else
        if c.count > 0 then raise(c, c.last) end
        S.floor = max(S.floor, c.floor)
        S.highest = max(S.highest, S.floor)
        discard(c)
        return
      end
    end
  end
end

local function open(name)
  local c = load(name)
  if c then return c end
  if call('ZCARD', base .. 'names') >= CHANNELS then forget_one() end
  S.place, changed = S.place + 1, true
  if string.sub(name, 1, 1) == 'p' then S.privates = S.privates + 1 end
  call('ZADD', base .. 'names', S.place, name)
  c = { name = name, stream = base .. 's:' .. name, count = 0, bytes = 0, appended = 0, floor = S.floor,
    place = whole(S.place), used = false, dirty = true }
  C[name] = c
  return c
end

local function finish()
  for name, c in pairs(C) do
    if c and c.dirty then
      call('SET', base .. 'h:' .. name, string.format('%.0f %.0f %.0f %.0f %.0f %s %s', c.count, c.bytes, c.appended,
        c.last or 0, c.floor, c.place, c.used and '1' or '0'))
      if c.raised then call('ZADD', base .. 'floors', whole(c.floor), name) end
      c.dirty = false
    end
  end
  if changed then
    call('SET', M, string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f', S.last, S.time, S.floor, S.base,
      S.highest, S.count, S.bytes, S.aged, S.hand, S.place, S.privates))
    changed = false
  end
end

local function floor_for(name)
  local c = load(name)
  return max(c and c.floor or S.floor, S.base)
end

local function weight(stamp)
  local _, _, size = string.match(stamp, STAMP)
  return size - OVERHEAD
end
`
