/**
 * What nodes ask Redis to do, each one atomic step. Every key begins with KEYS[1] (`<prefix>{cluster}:`):
 * - `inc`, `until`, `seen`, `joined`, `info`, `spares`: of each node, by name: which life of it, until when its lease
 *   runs, when it was last heard of and since when it is there, what it says of itself, and for which roles it
 *   waits;
 * - `places`: who holds what, as `<node> <incarnation> <token>`, by `<role>/<node that it was made for>`, and
 *   `manager`. A place is held while its holder's lease runs: one lease a node, one token a place;
 * - `reaps`: whose connections are being taken back, or were: `<incarnation> <number> <running|done> <by>`;
 * - `token`: the last number given to a holder or a reaper; `version`, `versions`, `docs`: the shared configuration;
 *   `round`: how often all were told to apply it; `shown`: what each node resolved it to; `kept:…`: documents to be checked.
 * Times are Redis's, in ms since 1970: no node's clock counts.
 */

/** Nodes that are remembered, those that are gone included. */
const MAX_NODES = 1_000
/** ms after which a node that is gone is forgotten. */
const FORGET = 24 * 60 * 60 * 1_000
/** ms for which a document is kept that a node is to check. */
const KEPT = 60_000
/** Versions of the configuration that are kept. */
const VERSIONS = 100

const COMMON = `
local base, call = KEYS[1], redis.call
local t = call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local name, inc = ARGV[1], ARGV[2]
local function whole(n) return string.format('%.0f', n) end
local function all(key)
  local list, out = call('HGETALL', base .. key), {}
  for i = 1, #list, 2 do out[list[i]] = list[i + 1] end
  return out
end
local function sorted(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end
local incs, untils, places = all('inc'), all('until'), all('places')
local function runs(node) return tonumber(untils[node] or '0') > now end
local function alive(node, life) return incs[node] == life and runs(node) end
local function holder(field) return string.match(places[field] or '', '^(%S+) (%S+) (%S+)$') end
local function held(field)
  local node, life = holder(field)
  return node ~= nil and alive(node, life)
end
local function drop(field)
  places[field] = nil
  call('HDEL', base .. 'places', field)
end
local function words(text)
  local out = {}
  for word in string.gmatch(text, '%S+') do out[word] = true end
  return out
end
local function hint() call(PUBLISH, base .. 'a', 'beat') end
`

/**
 * Renews a node's lease, or registers it; takes the places that it asks for and that nobody holds; answers how
 * everything is. ARGV: name, incarnation, [3] lease in ms, [4] what it says of itself, [5] roles that it carries and
 * [6] is a spare for, with spaces between, [7] a former life of it that is known to have ended.
 */
const BEAT = `
local lease, wanted, spare = tonumber(ARGV[3]), words(ARGV[5]), words(ARGV[6])
if incs[name] and incs[name] ~= inc and incs[name] ~= ARGV[7] and runs(name) then
  local joined, seen = call('HGET', base .. 'joined', name), call('HGET', base .. 'seen', name)
  return { 'taken', call('HGET', base .. 'info', name), whole(now - joined), seen }
end
local lapsed = not alive(name, inc)
if not incs[name] and call('HLEN', base .. 'inc') >= ${MAX_NODES} then return { 'full' } end
if incs[name] ~= inc then call('HSET', base .. 'joined', name, whole(now)) end
incs[name], untils[name] = inc, whole(now + lease)
call('HSET', base .. 'inc', name, inc)
call('HSET', base .. 'until', name, untils[name])
call('HSET', base .. 'seen', name, whole(now))
call('HSET', base .. 'info', name, ARGV[4])

-- Places: those it holds, its own that are free, and one for each role that it waits for.
local mine = {}
for _, field in ipairs(sorted(places)) do
  local node, life = holder(field)
  if node == name and life == inc then
    local role = string.match(field, '^([^/]+)/')
    if role and not wanted[role] and not spare[role] then drop(field) elseif role then mine[role] = field end
  end
end
local function take(field)
  local token = whole(call('INCR', base .. 'token'))
  places[field] = name .. ' ' .. inc .. ' ' .. token
  call('HSET', base .. 'places', field, places[field])
end
for _, role in ipairs(sorted(wanted)) do
  local field = role .. '/' .. name
  if not mine[role] and not held(field) then
    take(field)
    mine[role] = field
  end
  if not mine[role] then spare[role] = true end
end
for _, field in ipairs(sorted(places)) do
  local role = string.match(field, '^([^/]+)/')
  if role and spare[role] and not mine[role] and not held(field) then
    take(field)
    mine[role] = field
  end
end
local waits = {}
for _, role in ipairs(sorted(spare)) do if not mine[role] then waits[#waits + 1] = role end end
call('HSET', base .. 'spares', name, table.concat(waits, ' '))
local manager = holder('manager')
if mine['manager'] and not held('manager') then take('manager')
elseif not mine['manager'] and manager == name then drop('manager') end

-- Nodes that are gone: whoever sees one first takes back what it held; in the end they are forgotten.
local seen, reaps, reap = all('seen'), all('reaps'), {}
for _, other in ipairs(sorted(incs)) do
  if not runs(other) then
    local life, _, state, by, by_life = string.match(reaps[other] or '', '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
    if life ~= incs[other] or (state == 'running' and not alive(by, by_life)) then
      local number = whole(call('INCR', base .. 'token'))
      reaps[other] = incs[other] .. ' ' .. number .. ' running ' .. name .. ' ' .. inc
      call('HSET', base .. 'reaps', other, reaps[other])
      reap[#reap + 1], reap[#reap + 2] = other, incs[other]
    elseif state == 'done' and tonumber(seen[other]) < now - ${FORGET} then
      for _, key in ipairs({ 'inc', 'until', 'seen', 'joined', 'info', 'spares', 'reaps', 'shown' }) do
        call('HDEL', base .. key, other)
      end
      for _, field in ipairs(sorted(places)) do
        if not held(field) and string.match(field, '^[^/]+/(.*)$') == other then drop(field) end
      end
      incs[other] = nil
    end
  end
end

local nodes, held_now = {}, {}
local joined, infos, waiting = all('joined'), all('info'), all('spares')
for _, one in ipairs(sorted(incs)) do
  local n = #nodes
  nodes[n + 1], nodes[n + 2], nodes[n + 3], nodes[n + 4] = one, incs[one], runs(one) and '1' or '0', joined[one]
  nodes[n + 5], nodes[n + 6], nodes[n + 7] = seen[one] or '0', infos[one], waiting[one] or ''
end
for _, field in ipairs(sorted(places)) do
  local n, node, life, token = #held_now, holder(field)
  held_now[n + 1], held_now[n + 2], held_now[n + 3] = field, token, node
  held_now[n + 4] = alive(node, life) and life or ''
end
return { 'ok', whole(now), lapsed and '1' or '0', call('GET', base .. 'version') or '0',
  call('GET', base .. 'round') or '0', reaps[name] or '', nodes, held_now, reap }
`

/**
 * A node stops: what it held is free at once. Where nobody waits for a place, the place itself goes: it came
 * with this node.
 */
const LEAVE = `
if incs[name] ~= inc then return 0 end
untils[name] = '0'
call('HSET', base .. 'until', name, '0')
call('HDEL', base .. 'spares', name)
local awaited = {}
for node, roles in pairs(all('spares')) do
  if runs(node) then for role in pairs(words(roles)) do awaited[role] = true end end
end
for _, field in ipairs(sorted(places)) do
  local node, life = holder(field)
  if node == name and life == inc and not awaited[string.match(field, '^([^/]+)/') or ''] then drop(field) end
end
hint()
return 1
`

/** ARGV: name, incarnation, [3] whose connections it has taken back, and [4] in which life. */
const REAPED = `
local life, _, state, by, by_life = string.match(call('HGET', base .. 'reaps', ARGV[3]) or '', '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
if life ~= ARGV[4] or by ~= name or by_life ~= inc then return 0 end
local number = whole(call('INCR', base .. 'token'))
call('HSET', base .. 'reaps', ARGV[3], table.concat({ life, number, 'done', name, inc }, ' '))
hint()
return 1
`

/**
 * Stores a version of the configuration, if the one who asks is the manager. ARGV: name, incarnation, [3] its
 * token, [4] the version that this one follows, [5] author and difference as JSON, [6] the document.
 */
const PUT_CONFIG = `
local node, life, token = holder('manager')
if node ~= name or life ~= inc or token ~= ARGV[3] or not alive(name, inc) then return { 'fenced', node or '' } end
local last = tonumber(call('GET', base .. 'version') or '0')
if last ~= tonumber(ARGV[4]) then return { 'conflict', whole(last) } end
local version = call('INCR', base .. 'version')
call('HSET', base .. 'versions', whole(version), whole(now) .. ' ' .. ARGV[5])
call('HSET', base .. 'docs', whole(version), ARGV[6])
call('HDEL', base .. 'versions', whole(version - ${VERSIONS}))
call('HDEL', base .. 'docs', whole(version - ${VERSIONS}))
hint()
return { 'ok', whole(version), whole(now) }
`

/** The newest document, or none. */
const NEWEST = `
local version = call('GET', base .. 'version')
if not version then return {} end
return { version, call('HGET', base .. 'docs', version) }
`

/** The newest versions, without their documents. ARGV: name, incarnation, [3] how many at most. */
const VERSION_LIST = `
local last, out = tonumber(call('GET', base .. 'version') or '0'), {}
for version = last, math.max(1, last - tonumber(ARGV[3]) + 1), -1 do
  local found = call('HGET', base .. 'versions', whole(version))
  if not found then break end
  out[#out + 1], out[#out + 2] = whole(version), found
end
return out
`

/** Tells every node to apply the newest version again. */
const DISTRIBUTE = `
local round = call('INCR', base .. 'round')
hint()
return whole(round)
`

/** ARGV: name, incarnation, [3] what this node has resolved its configuration to. */
const SHOW = `
if incs[name] ~= inc then return 0 end
call('HSET', base .. 'shown', name, ARGV[3])
return 1
`

/** ARGV: name, incarnation, [3] whose. */
const SHOWN = `return call('HGET', base .. 'shown', ARGV[3])`

/** Keeps a document for a minute, for other nodes to fetch. ARGV: name, incarnation, [3] its id, [4] the document. */
const KEEP = `
call('SET', base .. 'kept:' .. ARGV[3], ARGV[4], 'PX', ${KEPT})
return 1
`

/** ARGV: name, incarnation, [3] the id of a document that was kept. */
const KEPT_DOCUMENT = `return call('GET', base .. 'kept:' .. ARGV[3])`

/** Says something to all nodes. ARGV: name, incarnation, [3] the words. */
const SAY = `return call(PUBLISH, base .. 'a', ARGV[3])`

const BODIES = {
  beat: BEAT,
  leave: LEAVE,
  reaped: REAPED,
  putConfig: PUT_CONFIG,
  newest: NEWEST,
  versionList: VERSION_LIST,
  distribute: DISTRIBUTE,
  show: SHOW,
  shown: SHOWN,
  keep: KEEP,
  kept: KEPT_DOCUMENT,
  say: SAY,
}

export type ScriptName = keyof typeof BODIES

/** The scripts as Redis gets them. */
export const SCRIPTS = Object.fromEntries(
  Object.entries(BODIES).map(([name, body]) => [name, COMMON + body]),
) as Readonly<Record<ScriptName, string>>
