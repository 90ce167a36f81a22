import { isUtf8 } from 'node:buffer'
import { bytesToText } from '../model/channel.ts'
import { type RedisConnection, textOf, valueOf } from './redis-connection.ts'
import { type Reply, RespError } from './resp.ts'
import {
  type Cursor,
  type Followed,
  type FollowOptions,
  type Missed,
  parseJson,
  type Received,
  RefusedError,
} from './source.ts'

/** Messages of one channel in one reply. */
const PAGE = 200
/** Bodies of a reply that the server may have cut short, in characters. */
const MANY_CHARACTERS = 2 ** 18
/** How long the server waits before it says that there is nothing, in ms: our sign of life. */
const BLOCK = 20_000
/** The last id of a second, on our servers. */
const LAST_INDEX = 2 ** 21 - 1
/** Marks an id that was made from the server's time. */
const TIME_INDEX = LAST_INDEX - 1

interface LogOptions extends FollowOptions {
  readonly detail: string
}

/** A channel's log, and how far it was read. */
interface Log {
  /** One character a byte. */
  readonly name: string
  readonly text: string
  /** The last id seen. */
  position: string
  /** Whether something may be missing behind `position`. */
  unsure: boolean
}

/** Follows channels of our own redis door by XREAD: one position a channel, and exact resumption. */
export async function* followLogs(
  connection: RedisConnection,
  channels: readonly string[],
  cursor: Cursor,
  options: LogOptions,
): AsyncGenerator<Followed, void> {
  cursor.forgets = false
  const resumes = cursor.id !== undefined
  const known = readPositions(cursor.id, channels)
  const logs: Log[] = []
  const newest: Received[] = []
  for (const name of channels) {
    const log: Log = { name, text: bytesToText(name), position: '', unsure: false }
    const position = known.get(name)
    if (position !== undefined) {
      log.position = position
      log.unsure = true
    } else if (options.last !== undefined && !resumes) {
      log.position = await now(connection, name)
      newest.push(...(await lastOf(connection, log, options.last)))
    } else {
      const { since } = options
      log.position = since === undefined || resumes ? await now(connection, name) : startOf(since)
      log.unsure = since !== undefined && !resumes && since !== 'all'
    }
    logs.push(log)
  }
  cursor.id = positionsOf(logs)
  yield { kind: 'connected', detail: options.detail, resumes }
  for (const message of newest.sort(byId).slice(-(options.last ?? 0))) yield message
  let behind = true
  let count = 0
  for (;;) {
    const replies = await readLogs(connection, logs, behind)
    const full = replies.some(({ messages }) => mayHaveMore(messages))
    const messages: { log: Log; message: Received }[] = []
    for (const { log, messages: some } of replies) {
      if (log.unsure) {
        const gap = await gapOf(connection, log)
        if (gap) yield gap
        // Where there is more to read, the log may be trimmed faster than it is read.
        log.unsure = mayHaveMore(some)
      } else if (mayHaveMore(some)) log.unsure = true
      for (const message of some) messages.push({ log, message })
    }
    messages.sort((a, b) => byId(a.message, b.message))
    for (const { log, message } of messages) {
      log.position = message.id
      cursor.id = positionsOf(logs)
      if (behind) count++
      yield message
    }
    if (behind && !full) {
      behind = false
      if (resumes) yield { kind: 'caught-up', count }
    }
  }
}

/** What is there now. @param behind whether it answers at once, or waits until there is something */
async function readLogs(
  connection: RedisConnection,
  logs: readonly Log[],
  behind: boolean,
): Promise<{ log: Log; messages: Received[] }[]> {
  const reply = await connection.ask(
    'XREAD',
    'COUNT',
    String(PAGE),
    ...(behind ? [] : ['BLOCK', String(BLOCK)]),
    'STREAMS',
    ...logs.map(({ name }) => Buffer.from(name, 'latin1')),
    ...logs.map(({ position }) => position),
  )
  const found: { log: Log; messages: Received[] }[] = []
  for (const stream of Array.isArray(reply) ? reply : []) {
    const [name, entries] = stream as [Buffer, Reply[]]
    const log = logs.find((one) => one.name === name.toString('latin1'))
    if (log) found.push({ log, messages: entries.map((entry) => messageOf(log, entry)) })
  }
  return found
}

/** Whether a reply had its full measure, so that there may be more: the server bounds bytes, too. */
function mayHaveMore(messages: readonly Received[]): boolean {
  if (messages.length === PAGE) return true
  return messages.reduce((sum, { body }) => sum + body.length, 0) > MANY_CHARACTERS
}

/** The position behind which everything is new. */
async function now(connection: RedisConnection, name: string): Promise<string> {
  const [seconds] = (await connection.ask('TIME')) as Reply[]
  const info = await inspect(connection, name)
  // An unknown channel has nothing yet: whatever comes to be in it is new.
  return info?.get('last-generated-id') ?? `${Number(textOf(seconds)) - 1}-${TIME_INDEX}`
}

async function lastOf(connection: RedisConnection, log: Log, count: number): Promise<Received[]> {
  const name = Buffer.from(log.name, 'latin1')
  const entries = await connection.ask('XREVRANGE', name, log.position, '-', 'COUNT', String(count))
  return (entries as Reply[]).map((entry) => messageOf(log, entry))
}

/** What may be missing behind a log's position; undefined when nothing is. */
async function gapOf(connection: RedisConnection, log: Log): Promise<Missed | undefined> {
  const info = await inspect(connection, log.name)
  const floor = info?.get('floor')
  const [second = '', index = ''] = log.position.split('-')
  // A time that stands for an id is up to a second early; a log that began in it has lost nothing.
  const isTime = index === String(TIME_INDEX)
  const reach = isTime ? `${Number(second) + 1}-${LAST_INDEX}` : log.position
  if (floor === undefined || compareIds(reach, floor) >= 0) return undefined
  return { kind: 'gap', from: log.position, to: floor }
}

/** XINFO STREAM as a map; undefined for a channel that is not known. */
async function inspect(
  connection: RedisConnection,
  name: string,
): Promise<Map<string, string> | undefined> {
  connection.send('XINFO', 'STREAM', Buffer.from(name, 'latin1'))
  const reply = await connection.read()
  if (reply instanceof RespError && /no such key/i.test(reply.message)) return undefined
  const pairs = valueOf(reply) as Reply[]
  const info = new Map<string, string>()
  for (let n = 0; n + 1 < pairs.length; n += 2) info.set(textOf(pairs[n]), textOf(pairs[n + 1]))
  return info
}

/** @throws RefusedError */
function startOf(since: string): string {
  if (since === 'all') return '0-0'
  if (/^\d+-\d+$/.test(since)) return since
  if (/^\d{1,12}$/.test(since)) return `${Math.max(Number(since) - 1, 0)}-${LAST_INDEX}`
  throw new RefusedError('--since takes an id, a unix time, or all')
}

/** A cursor is the position of the one channel, or an object with one for each. */
function positionsOf(logs: readonly Log[]): string {
  const [first] = logs
  if (logs.length === 1 && first) return first.position
  return JSON.stringify(Object.fromEntries(logs.map(({ name, position }) => [name, position])))
}

function readPositions(id: string | undefined, channels: readonly string[]): Map<string, string> {
  const positions = new Map<string, string>()
  if (id === undefined) return positions
  const [first] = channels
  if (/^\d+-\d+$/.test(id)) {
    if (channels.length === 1 && first !== undefined) positions.set(first, id)
    return positions
  }
  for (const [name, position] of Object.entries(parseJson(id) ?? {})) {
    if (typeof position === 'string' && /^\d+-\d+$/.test(position)) positions.set(name, position)
  }
  return positions
}

function byId(a: Received, b: Received): number {
  return compareIds(a.id, b.id)
}

function compareIds(a: string, b: string): number {
  const [[s1 = 0, n1 = 0] = [], [s2 = 0, n2 = 0] = []] = [a, b].map((id) =>
    id.split('-').map(Number),
  )
  return s1 - s2 || n1 - n2
}

/** An entry's fields: body, type, data, then attributes. */
function messageOf(log: Log, entry: Reply): Received {
  const [id, fields] = entry as [Buffer, Buffer[]]
  const attributes: Record<string, string> = {}
  const found: { body: Buffer; type?: string; data?: string } = { body: Buffer.alloc(0) }
  for (let n = 0; n + 1 < fields.length; n += 2) {
    const name = textOf(fields[n])
    const value = fields[n + 1] as Buffer
    if (name === 'body') found.body = value
    else if (name === 'type' || name === 'data') found[name] = value.toString('utf8')
    else Object.defineProperty(attributes, name, { value: textOf(value), enumerable: true })
  }
  const { body, type, data } = found
  const text = isUtf8(body)
  const common = {
    id: textOf(id),
    channel: log.text,
    time: Number(textOf(id).split('-')[0]) * 1000,
    ...(type === undefined ? {} : { type }),
    body: body.toString(text ? 'utf8' : 'base64'),
    ...(text ? {} : { encoding: 'base64' as const }),
    ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
  }
  const value = data === undefined ? undefined : parseJson(data)
  const json = JSON.stringify(value === undefined ? common : { ...common, data: value })
  return { kind: 'message', ...common, json }
}
