import type { Report } from '../../model/events.ts'
import { createHash } from 'node:crypto'
import { FanfareError } from '../../model/errors.ts'
import type { Facts, FactWatcher, How, Stated } from '../facts.ts'
import { Link, type Reply } from './link.ts'
import { clusterLua } from './lua-common.ts'
import type { RedisOptions } from './options.ts'
import { isNoScript } from './scripts.ts'

/** Changes that are remembered for nodes that were away. */
const CHANGES = 10_000
/** Changes that are read at once. */
const STRETCH = 1_000
/** Facts with an end that are looked at for each new one: more than come, so none stays for long. */
const LOOKS = 4

/** Owners that are asked about at once. */
const OWNERS = 500
/** No bound. */
const ANY_NUMBER = Number.MAX_SAFE_INTEGER

/**
 * KEYS[1] is `<base>seq`, the number of the last change. `f:` holds an owner's items, each
 * `<until> <number> <value>`; `o:` the owners of a kind; `x` what runs out when; `log` the changes.
 * ARGV[1]: the caller's clock in ms, or empty for Redis's.
 */
const COMMON = `
local base = string.sub(KEYS[1], 1, -4)
local call = redis.call
local now = tonumber(ARGV[1])
if not now then
  local t = call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local kind, owner, item = ARGV[2], ARGV[3], ARGV[4]
local function items_of(k, o) return base .. 'f:' .. #k .. ':' .. k .. o end
local function past(value) return string.sub(value, 1, 2) ~= '0 ' and tonumber(string.match(value, '^%d+')) <= now end
local function value_of(value) return string.match(value, '^%d+ %d+ (.*)$') end
local function drop(k, o, i)
  local items = items_of(k, o)
  call('HDEL', items, i)
  call('ZREM', base .. 'x', cjson.encode({ k, o, i }))
  if call('EXISTS', items) == 0 then call('SREM', base .. 'o:' .. k, o) end
end
`

const BODIES = {
  get: `
local value = call('HGET', items_of(kind, owner), item)
if not value then return false end
if past(value) then drop(kind, owner, item) return false end
return value_of(value)`,
  set: `
local items = items_of(kind, owner)
local former = call('HGET', items, item)
if former and past(former) then drop(kind, owner, item) former = false end
former = former and value_of(former)
local is_set, when = ARGV[5] == '1', ARGV[8]
local size = call('HLEN', items)
local allowed = when == ''
  or (when == 'new' and not former) or (when == 'known' and former) or (when == 'is' and former == ARGV[9])
if allowed and is_set and not former then
  allowed = size < tonumber(ARGV[10]) and (size > 0 or call('SCARD', base .. 'o:' .. kind) < tonumber(ARGV[11]))
end
if not allowed then return { 0, size, former } end
local seq = string.format('%.0f', call('INCR', KEYS[1]))
local change = { kind, owner, item }
if is_set then
  local ttl = tonumber(ARGV[7])
  local till = ttl > 0 and string.format('%.0f', now + ttl) or '0'
  call('HSET', items, item, till .. ' ' .. seq .. ' ' .. ARGV[6])
  call('SADD', base .. 'o:' .. kind, owner)
  local member = cjson.encode(change)
  if ttl > 0 then call('ZADD', base .. 'x', till, member) else call('ZREM', base .. 'x', member) end
  change[4] = ARGV[6]
else
  drop(kind, owner, item)
end
for _, member in ipairs(call('ZRANGEBYSCORE', base .. 'x', '-inf', string.format('%.0f', now), 'LIMIT', 0, ${LOOKS})) do
  local one = cjson.decode(member)
  drop(one[1], one[2], one[3])
end
local payload = cjson.encode(change)
call('XADD', base .. 'log', 'MAXLEN', '~', ${CHANGES}, seq .. '-1', 'c', payload)
call(PUBLISH, base .. 'a', seq .. ' ' .. payload)
return { 1, call('HLEN', items), former }`,
  list: `
local all, out = call('HGETALL', items_of(kind, owner)), {}
for i = 1, #all, 2 do
  if past(all[i + 1]) then
    drop(kind, owner, all[i])
  else
    out[#out + 1], out[#out + 2], out[#out + 3] = all[i], string.match(all[i + 1], '^%d+ (%d+) '), value_of(all[i + 1])
  end
end
return out`,
  sizes: `
local out = {}
for n = 3, #ARGV do
  local all, count = call('HGETALL', items_of(kind, ARGV[n])), 0
  for i = 1, #all, 2 do
    if past(all[i + 1]) then drop(kind, ARGV[n], all[i]) else count = count + 1 end
  end
  out[#out + 1] = count
end
return out`,
  owners: `
local out = {}
for _, one in ipairs(call('SMEMBERS', base .. 'o:' .. kind)) do
  local all, alive = call('HGETALL', items_of(kind, one)), false
  for i = 1, #all, 2 do
    if past(all[i + 1]) then drop(kind, one, all[i]) else alive = true end
  end
  if alive then out[#out + 1] = one end
end
return out`,
  count: `return call('SCARD', base .. 'o:' .. kind)`,
  changes: `
local out = { call('GET', KEYS[1]) or '0' }
for _, e in ipairs(call('XRANGE', base .. 'log', '(' .. ARGV[2] .. '-1', '+', 'COUNT', ${STRETCH})) do
  out[#out + 1], out[#out + 2] = string.match(e[1], '^%d+'), e[2][2]
end
return out`,
}
type Call = keyof typeof BODIES

export type RedisFactsOptions = Pick<
  RedisOptions,
  'connection' | 'keyPrefix' | 'timeout' | 'report'
> & {
  /** ms since 1970, for tests; without it, Redis's own clock decides when a fact's time is over. */
  readonly now?: () => number
}

/** Facts that all nodes on one Redis share. A node that was cut off hears afterwards what it missed. */
export class RedisFacts implements Facts {
  readonly #link: Link
  readonly #key: string
  readonly #now: (() => number) | undefined
  readonly #report: Report
  readonly #texts: Readonly<Record<Call, { readonly text: string; readonly sha: string }>>
  #watcher: FactWatcher | undefined
  #missed: (() => void) | undefined
  /** Some changes were missed, and that is not told yet. */
  #hasMissed = false
  /** The number of the last change that was heard of; undefined before the first connection. */
  #position: number | undefined
  #reading = false
  /** One was announced while the log was being read: it may lie beyond what was read. */
  #more = false

  constructor({ connection, keyPrefix, timeout, report, now }: RedisFactsOptions) {
    const base = `${keyPrefix}{facts}:`
    this.#key = `${base}seq`
    this.#now = now
    this.#report = report
    const texts = Object.entries(BODIES).map(([name, body]) => {
      const text = clusterLua(connection.cluster.length > 0) + COMMON + body
      return [name, { text, sha: createHash('sha1').update(text).digest('hex') }]
    })
    this.#texts = Object.fromEntries(texts) as Record<Call, { text: string; sha: string }>
    this.#link = new Link(connection, `${base}a`, timeout, {
      joined: () => this.#catchUp(),
      up: () => this.#tellMissed(),
      lost: () => {},
      message: (payload) => this.#hear(payload.toString()),
      report,
    })
  }

  watch(watcher: FactWatcher, missed?: () => void): void {
    this.#watcher = watcher
    this.#missed = missed
  }

  async get(kind: string, owner: string, item: string): Promise<string | undefined> {
    const value = await this.#ask('get', kind, owner, item)
    return value === null ? undefined : String(value)
  }

  async set(
    kind: string,
    owner: string,
    item: string,
    value?: string,
    how: How = {},
  ): Promise<Stated> {
    const { ttl = 0, when = '', maxItems = ANY_NUMBER, maxOwners = ANY_NUMBER } = how
    const given = value === undefined ? ['0', '', '0'] : ['1', value, String(ttl)]
    const condition = typeof when === 'string' ? [when, ''] : ['is', when.is]
    const bounds = [String(maxItems), String(maxOwners)]
    const reply = await this.#ask('set', kind, owner, item, ...given, ...condition, ...bounds)
    const [done, size, former] = reply as readonly Reply[]
    const before = former === null || former === undefined ? undefined : String(former)
    return { done: Number(done) === 1, size: Number(size), former: before }
  }

  async list(kind: string, owner: string): Promise<ReadonlyMap<string, string>> {
    const found = (await this.#ask('list', kind, owner)) as readonly Buffer[]
    const facts: { readonly item: string; readonly seq: number; readonly value: string }[] = []
    for (let at = 0; at < found.length; at += 3) {
      const [item, seq, value] = found.slice(at, at + 3).map(String) as [string, string, string]
      facts.push({ item, seq: Number(seq), value })
    }
    facts.sort((a, b) => a.seq - b.seq)
    return new Map(facts.map(({ item, value }) => [item, value]))
  }

  async sizes(kind: string, owners: readonly string[]): Promise<readonly number[]> {
    const sizes: number[] = []
    for (let at = 0; at < owners.length; at += OWNERS) {
      const reply = await this.#ask('sizes', kind, ...owners.slice(at, at + OWNERS))
      sizes.push(...(reply as readonly Reply[]).map(Number))
    }
    return sizes
  }

  async owners(kind: string): Promise<readonly string[]> {
    return ((await this.#ask('owners', kind)) as readonly Buffer[]).map(String)
  }

  async count(kind: string): Promise<number> {
    return Number(await this.#ask('count', kind))
  }

  async close(): Promise<void> {
    this.#watcher = undefined
    await this.#link.close()
  }

  #hear(payload: string): void {
    if (this.#reading || this.#position === undefined) {
      this.#more = true
      return
    }
    const space = payload.indexOf(' ')
    const seq = Number(payload.slice(0, space))
    // One that is known was read just before it was heard; or Redis was emptied, and counts anew.
    if (seq === this.#position + 1) this.#tell(seq, payload.slice(space + 1))
    else this.#catchUp().catch(() => this.#link.renew('a change of facts was missed'))
  }

  #tell(seq: number, payload: string): void {
    this.#position = seq
    const [kind, owner, item, value] = JSON.parse(payload) as [string, string, string, string?]
    this.#watcher?.(kind, owner, item, value)
  }

  /** Tells of everything up to the last change. */
  async #catchUp(): Promise<void> {
    this.#reading = true
    try {
      do this.#more = false
      while (!(await this.#readChanges()) || this.#more)
    } finally {
      this.#reading = false
    }
  }

  /** Tells of some changes. @returns whether those were all */
  async #readChanges(): Promise<boolean> {
    const from = this.#position
    const args = ['', String(from ?? Number.MAX_SAFE_INTEGER)]
    const reply = await this.#run('changes', args, (command) => this.#link.send(command))
    const [last, ...changes] = (reply as readonly Buffer[]).map(String) as [string, ...string[]]
    if (from === undefined || Number(last) < from) {
      // Nothing was heard of before, or Redis begins anew.
      this.#hasMissed ||= from !== undefined
      this.#position = Number(last)
      this.#tellMissed()
      return true
    }
    const first = Number(changes[0] ?? Number(last) + 1)
    if (first > from + 1) {
      this.#report(`${first - from - 1} changes of facts were missed.`)
      this.#hasMissed = true
      this.#tellMissed()
    }
    for (let at = 0; at < changes.length; at += 2) {
      this.#tell(Number(changes[at]), changes[at + 1] as string)
    }
    if (changes.length === 0) this.#position = Number(last)
    return changes.length === 0 || Number(changes.at(-2)) >= Number(last)
  }

  /** As soon as questions are answered: whoever hears of it has some. */
  #tellMissed(): void {
    if (!this.#hasMissed || !this.#link.up) return
    this.#hasMissed = false
    this.#missed?.()
  }

  async #ask(name: Call, ...args: readonly string[]): Promise<Reply> {
    const clock = this.#now === undefined ? '' : String(this.#now())
    try {
      return await this.#run(name, [clock, ...args], (command) => this.#link.ask(command))
    } catch (error) {
      if (error instanceof FanfareError) throw error
      const words = error instanceof Error ? error.message : String(error)
      throw new FanfareError('store_unavailable', `Redis refused: ${words}`)
    }
  }

  async #run(
    name: Call,
    args: readonly string[],
    send: (command: readonly string[]) => Promise<Reply>,
  ): Promise<Reply> {
    const { text, sha } = this.#texts[name]
    const rest = ['1', this.#key, ...args]
    try {
      return await send(['EVALSHA', sha, ...rest])
    } catch (error) {
      if (!isNoScript(error)) throw error
      return await send(['EVAL', text, ...rest])
    }
  }
}
