import { FanfareError } from '../../../model/errors.ts'
import { formatId, type MessageId } from '../../../model/id.ts'
import { all, chain, type MaybePromise } from '../../../model/maybe.ts'
import type { Message } from '../../../model/message.ts'
import { Selectors } from '../../../model/selector.ts'
import type { ChannelStat } from '../../../stores/store.ts'
import type { CommandSpec, Handler, Reply } from '../command.ts'
import type { RedisConnection } from '../connection.ts'
import { readEntry, writeEntries, writeEntry } from '../entry.ts'
import { NO_INTEGER, RedisError, SYNTAX } from '../errors.ts'
import { integerAt } from '../numbers.ts'
import type { Args } from '../parser.ts'
import { cursorOf, endOf, readRange, startOf } from '../ranges.ts'
import { respond } from '../replying.ts'
import { channelOf } from '../subscriptions.ts'
import type { ReplyWriter } from '../writer.ts'
import { BlockedRead, type Found, readStreams, type ReadRequest, type Stream } from '../xread.ts'
import { addOptions } from './xadd.ts'
import { help } from './help.ts'

const xadd: Handler = (connection, args, out) => {
  const { server } = connection
  const { hub, limits, counted } = server
  const { create, fields } = addOptions(args)
  const channel = server.channelAt(args, 1)
  const draft = readEntry(args, fields, channel)
  if (draft.body.length > limits.maxBodyBytes) throw new FanfareError('too_large')
  const known = chain(connection.mustPublish(channel), () =>
    create ? true : chain(hub.stat(channel), (stat) => stat !== undefined),
  )
  const id = chain(
    known,
    (there): MaybePromise<MessageId | undefined> =>
      there ? chain(hub.publish(draft, counted), (published) => published.id) : undefined,
  )
  return respond(id, out, writeId)
}

function writeId(out: ReplyWriter, id: MessageId | undefined): void {
  if (id === undefined) out.nil()
  else out.bulk(formatId(id))
}

function range(newest: boolean): Handler {
  return (connection, args, out) => {
    const { server } = connection
    const [first, last] = newest ? [3, 2] : [2, 3]
    const bounds = { ...startOf(args.text(first)), ...endOf(args.text(last)) }
    let count = Number.POSITIVE_INFINITY
    for (let index = 4; index < args.count; index += 2) {
      if (args.lower(index) !== 'count' || index + 1 === args.count) throw SYNTAX
      const given = integerAt(args, index + 1)
      if (given === undefined) throw NO_INTEGER
      count = Math.max(0, given)
    }
    const channel = server.channelAt(args, 1)
    const maxBytes = server.config.maxReplyBytes
    const allowed = connection.mustFollow([channel], true)
    if (count === 0) {
      const known = chain(allowed, () => server.hub.stat(channel))
      return respond(known, out, (writer, stat) => {
        if (stat) writer.nilArray()
        else writer.array(0)
      })
    }
    return respond(
      chain(allowed, () =>
        readRange(server.hub, { channel, range: bounds, count, newest, maxBytes }),
      ),
      out,
      writeEntries,
    )
  }
}

const xread: Handler = (connection, args, out) => {
  const { request, block } = readRequest(connection, args)
  const { hub } = connection.server
  const channels = request.streams.map(({ channel }) => channel)
  const found = chain(connection.mustFollow(channels, true), () => readStreams(hub, request))
  if (found instanceof Promise) {
    return found.then(async (later) => foundOrWait(connection, request, block, later))
  }
  if (found.streams.length === 0 && block !== undefined) {
    return foundOrWait(connection, request, block, found)
  }
  writeFound(out, found)
  return undefined
}

async function foundOrWait(
  connection: RedisConnection,
  request: ReadRequest,
  block: number | undefined,
  found: Found,
): Promise<Reply> {
  if (found.streams.length > 0 || block === undefined || connection.socket.destroyed) {
    return (out) => writeFound(out, found)
  }
  return new Promise((resolve, reject) => {
    const read = new BlockedRead(connection.server, request, block, ({ found: later, error }) => {
      connection.waiting = undefined
      if (error === undefined) resolve((out) => writeFound(out, later))
      else reject(asError(error))
    })
    connection.waiting = read
    read.start(found.upTo)
  })
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('the store could not be read')
}

function writeFound(out: ReplyWriter, found: Found | undefined): void {
  if (!found || found.streams.length === 0) {
    out.nilArray()
    return
  }
  if (out.resp === 2) out.array(found.streams.length)
  else out.map(found.streams.length)
  for (const { name, messages } of found.streams) {
    if (out.resp === 2) out.array(2)
    out.bulk(name)
    writeEntries(out, messages)
  }
}

interface Read {
  readonly request: ReadRequest
  /** How long to wait, in ms; undefined: not at all. */
  readonly block: number | undefined
}

function readRequest({ server }: RedisConnection, args: Args): Read {
  let count = Number.POSITIVE_INFINITY
  let block: number | undefined
  let streams: readonly Stream[] | undefined
  for (let index = 1; index < args.count && !streams; index++) {
    const option = args.lower(index)
    const more = args.count - 1 - index
    if (option === 'block' && more > 0) block = timeoutAt(args, ++index)
    else if (option === 'count' && more > 0) {
      const given = integerAt(args, ++index)
      if (given === undefined) throw NO_INTEGER
      count = given > 0 ? given : Number.POSITIVE_INFINITY
    } else if (option === 'streams' && more > 0) streams = streamsFrom(server, args, index + 1)
    else throw SYNTAX
  }
  if (!streams) throw SYNTAX
  return { request: { streams, count, maxBytes: server.config.maxReplyBytes }, block }
}

function timeoutAt(args: Args, index: number): number {
  const ms = integerAt(args, index)
  if (ms === undefined) throw new RedisError('ERR timeout is not an integer or out of range')
  if (ms < 0) throw new RedisError('ERR timeout is negative')
  return ms
}

function streamsFrom(
  { hub, limits }: RedisConnection['server'],
  args: Args,
  from: number,
): readonly Stream[] {
  const count = (args.count - from) / 2
  if (!Number.isInteger(count)) {
    throw new RedisError(
      "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
    )
  }
  if (count > limits.maxSubscriptions) {
    throw new RedisError(`ERR One XREAD reads at most ${limits.maxSubscriptions} streams here.`)
  }
  return Array.from({ length: count }, (_, index) => {
    const name = args.text(from + index)
    const channel = channelOf(name)
    const cursor = cursorOf(args.text(from + count + index), hub.at(channel).head)
    return { name, channel, ...cursor }
  })
}

const xlen: Handler = (connection, args, out) => {
  const { server } = connection
  const channel = server.channelAt(args, 1)
  const stat = chain(connection.mustFollow([channel], false), () => server.hub.stat(channel))
  return respond(stat, out, (writer, known) => writer.integer(known?.messages ?? 0))
}

const xinfo: Handler = (connection, args, out) => {
  const { server } = connection
  if (args.count > 3) {
    throw new RedisError('ERR XINFO STREAM FULL is not supported here: use XINFO STREAM and XRANGE')
  }
  const { hub } = server
  const channel = channelOf(args.text(2))
  const selectors = Selectors.channel(channel)
  const edge = (newest: boolean): MaybePromise<Message | undefined> =>
    chain(hub.read({ selectors, after: 0 as MessageId, limit: 1, newest }), ({ messages }) =>
      messages.at(0),
    )
  const allowed = connection.mustFollow([channel], true)
  const known = chain(allowed, () => hub.stat(channel))
  const parts = chain(known, (stat) =>
    chain(all([edge(false), edge(true)]), ([first, last]) => ({ stat, first, last })),
  )
  return respond(parts, out, (writer, { stat, first, last }) => {
    if (!stat) writer.error('ERR no such key')
    else writeInfo(writer, stat, first, last)
  })
}

function writeInfo(
  out: ReplyWriter,
  stat: ChannelStat,
  first: Message | undefined,
  last: Message | undefined,
): void {
  const entry = (message: Message | undefined): void => {
    if (message) writeEntry(out, message)
    else out.nil()
  }
  out.map(7)
  out.bulk('length')
  out.integer(stat.messages)
  out.bulk('last-generated-id')
  out.bulk(stat.last === undefined ? '0-0' : formatId(stat.last))
  out.bulk('recorded-first-entry-id')
  out.bulk(first ? formatId(first.id) : '0-0')
  out.bulk('floor')
  out.bulk(formatId(stat.floor))
  out.bulk('groups')
  out.integer(0)
  out.bulk('first-entry')
  entry(first)
  out.bulk('last-entry')
  entry(last)
}

/** There are no groups, which is an answer. */
const noGroups: Handler = (connection, args, out) => {
  const channel = channelOf(args.text(2))
  const { hub } = connection.server
  const known = chain(connection.mustFollow([channel], false), () => hub.stat(channel))
  return respond(known, out, (writer, stat) => {
    if (stat) writer.array(0)
    else writer.error('ERR no such key')
  })
}

const of = { group: 'stream' } as const
const onKey = { ...of, keys: [1, 1, 1] } as const

export const streamCommands: Readonly<Record<string, CommandSpec>> = {
  xadd: {
    ...onKey,
    arity: -5,
    run: xadd,
    publishes: true,
    appends: true,
    summary: 'Appends a new entry to a stream',
    since: '5.0.0',
  },
  xrange: {
    ...onKey,
    arity: -4,
    run: range(false),
    summary: 'Return a range of elements in a stream, with IDs matching the specified IDs interval',
    since: '5.0.0',
  },
  xrevrange: {
    ...onKey,
    arity: -4,
    run: range(true),
    summary: 'Return a range of elements in a stream, in reverse order',
    since: '5.0.0',
  },
  xread: {
    ...of,
    arity: -4,
    run: xread,
    summary: 'Return never seen elements in multiple streams, with IDs greater than the given ones',
    since: '5.0.0',
  },
  xlen: {
    ...onKey,
    arity: 2,
    run: xlen,
    summary: 'Return the number of entries in a stream',
    since: '5.0.0',
  },
  xinfo: {
    ...of,
    arity: -2,
    summary: 'A container for stream introspection commands',
    since: '5.0.0',
    subcommands: {
      stream: {
        ...of,
        arity: -3,
        run: xinfo,
        keys: [2, 2, 1],
        summary: 'Get information about a stream',
        since: '5.0.0',
      },
      groups: {
        ...of,
        arity: 3,
        run: noGroups,
        keys: [2, 2, 1],
        summary: 'List the consumer groups of a stream',
        since: '5.0.0',
      },
      help: help('xinfo', [
        'GROUPS <key>',
        '    Show the stream consumer groups: there are none here.',
        'STREAM <key>',
        '    Show information about the stream. Before `floor`, entries may be missing.',
      ]),
    },
  },
}
