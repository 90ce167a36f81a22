import type { Glob } from '../../../model/glob.ts'
import { all } from '../../../model/maybe.ts'
import type { CommandSpec, Handler } from '../command.ts'
import { NO_INTEGER, RedisError, SYNTAX } from '../errors.ts'
import { integerAt } from '../numbers.ts'
import type { Args } from '../parser.ts'
import { respond } from '../replying.ts'
import { channelOf, globOf } from '../subscriptions.ts'
import type { ReplyWriter } from '../writer.ts'

/** Channels that one SCAN looks at, at most. */
const MOST_SCANNED = 10_000
const SCANNED = 10

const exists: Handler = ({ server }, args, out) => {
  const stats = channelsOf(args).map((channel) => server.hub.stat(channel))
  return respond(all(stats), out, countKnown)
}

const del: Handler = ({ server }, args, out) => {
  const removed = channelsOf(args).map((channel) => server.hub.remove(channel))
  return respond(all(removed), out, countKnown)
}

function countKnown(out: ReplyWriter, stats: readonly unknown[]): void {
  out.integer(stats.filter((stat) => stat !== undefined).length)
}

/** All are checked before anything is done to one. */
function channelsOf(args: Args) {
  return Array.from({ length: args.count - 1 }, (_, index) => channelOf(args.text(index + 1)))
}

const type: Handler = ({ server }, args, out) =>
  respond(server.hub.stat(server.channelAt(args, 1)), out, (writer, stat) =>
    writer.simple(stat ? 'stream' : 'none'),
  )

const scan: Handler = ({ server }, args, out) => {
  if (!/^\d{1,15}$/.test(args.text(1))) throw new RedisError('ERR invalid cursor')
  const cursor = Number(args.text(1))
  const { limit, glob, slash, streams } = scanOptions(args)
  return respond(server.hub.channels(cursor, limit), out, (writer, page) => {
    const names = streams ? page.names.filter((name) => glob?.matches(name) ?? true) : []
    writer.array(2)
    writer.bulk(String(page.cursor))
    writer.array(names.length)
    for (const name of names) writer.bulk(slash ? `/${name}` : name)
  })
}

interface ScanOptions {
  readonly limit: number
  readonly glob: Glob | undefined
  /** The pattern had a leading `/`, and so have the names. */
  readonly slash: boolean
  /** Whether streams are asked for: there is nothing else. */
  readonly streams: boolean
}

function scanOptions(args: Args): ScanOptions {
  const found = { limit: SCANNED, glob: undefined as Glob | undefined, slash: false, streams: true }
  for (let index = 2; index < args.count; index += 2) {
    if (index + 1 === args.count) throw SYNTAX
    const option = args.lower(index)
    if (option === 'count') {
      const count = integerAt(args, index + 1)
      if (count === undefined) throw NO_INTEGER
      if (count < 1) throw SYNTAX
      found.limit = Math.min(count, MOST_SCANNED)
    } else if (option === 'match') {
      const pattern = args.text(index + 1)
      found.slash = pattern.startsWith('/')
      found.glob = globOf(found.slash ? pattern.slice(1) : pattern)
    } else if (option === 'type') found.streams = args.lower(index + 1) === 'stream'
    else throw SYNTAX
  }
  return found
}

const dbsize: Handler = ({ server }, _args, out) =>
  respond(server.hub.channels(0, 0), out, (writer, { total }) => writer.integer(total))

const of = { group: 'generic' } as const

export const keyCommands: Readonly<Record<string, CommandSpec>> = {
  exists: {
    ...of,
    arity: -2,
    run: exists,
    keys: [1, -1, 1],
    summary: 'Determine if a key exists',
    since: '1.0.0',
  },
  type: {
    ...of,
    arity: 2,
    run: type,
    keys: [1, 1, 1],
    summary: 'Determine the type stored at key',
    since: '1.0.0',
  },
  del: {
    ...of,
    arity: -2,
    run: del,
    trusted: true,
    keys: [1, -1, 1],
    summary: 'Delete a key',
    since: '1.0.0',
  },
  unlink: {
    ...of,
    arity: -2,
    run: del,
    trusted: true,
    keys: [1, -1, 1],
    summary: 'Delete a key asynchronously in another thread.',
    since: '4.0.0',
  },
  scan: {
    ...of,
    arity: -2,
    run: scan,
    summary: 'Incrementally iterate the keys space',
    since: '2.8.0',
  },
  dbsize: {
    group: 'server',
    arity: 1,
    run: dbsize,
    summary: 'Return the number of keys in the selected database',
    since: '1.0.0',
  },
}
