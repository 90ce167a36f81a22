import type { ChannelName } from '../../../model/channel.ts'
import type { Glob } from '../../../model/glob.ts'
import { all, chain } from '../../../model/maybe.ts'
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

const exists: Handler = (connection, args, out) => {
  const { hub } = connection.server
  const channels = channelsOf(args)
  const stats = chain(connection.mustFollow(channels, false), () =>
    all(channels.map((channel) => hub.stat(channel))),
  )
  return respond(stats, out, countKnown)
}

const del: Handler = (connection, args, out) => {
  const { hub } = connection.server
  const channels = channelsOf(args)
  const removed = chain(all(channels.map((channel) => connection.mustPublish(channel, 0))), () =>
    all(channels.map((channel) => hub.remove(channel))),
  )
  return respond(removed, out, countKnown)
}

function countKnown(out: ReplyWriter, stats: readonly unknown[]): void {
  out.integer(stats.filter((stat) => stat !== undefined).length)
}

/** All are checked before anything is done to one. */
function channelsOf(args: Args) {
  return Array.from({ length: args.count - 1 }, (_, index) => channelOf(args.text(index + 1)))
}

const type: Handler = (connection, args, out) => {
  const { server } = connection
  const channel = server.channelAt(args, 1)
  const known = chain(connection.mustFollow([channel], false), () => server.hub.stat(channel))
  return respond(known, out, (writer, stat) => writer.simple(stat ? 'stream' : 'none'))
}

const scan: Handler = (connection, args, out) => {
  const { server } = connection
  if (!/^\d{1,15}$/.test(args.text(1))) throw new RedisError('ERR invalid cursor')
  const cursor = Number(args.text(1))
  const { limit, glob, slash, streams } = scanOptions(args)
  const seen = (name: ChannelName): boolean =>
    (glob?.matches(name) ?? true) && connection.identity.sees(name)
  return respond(server.hub.channels(cursor, limit), out, (writer, page) => {
    const names = streams ? page.names.filter(seen) : []
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
    publishes: true,
    keys: [1, -1, 1],
    summary: 'Delete a key',
    since: '1.0.0',
  },
  unlink: {
    ...of,
    arity: -2,
    run: del,
    publishes: true,
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
