import type { Draft } from '../../../model/message.ts'
import { FanfareError } from '../../../model/errors.ts'
import type { CommandSpec, Handler, Reply } from '../command.ts'
import { RedisError } from '../errors.ts'
import { help } from './help.ts'
import type { Args } from '../parser.ts'
import { respond } from '../replying.ts'
import { channelOf, globOf, type Kind, patternOf } from '../subscriptions.ts'
import type { ReplyWriter } from '../writer.ts'

/** What each of the commands says back. */
const WORDS: Readonly<Record<Kind, readonly [string, string]>> = {
  channel: ['subscribe', 'unsubscribe'],
  pattern: ['psubscribe', 'punsubscribe'],
  shard: ['ssubscribe', 'sunsubscribe'],
}

function subscribe(kind: Kind): Handler {
  const [word] = WORDS[kind]
  return (connection, args, out) => {
    const { subscriptions } = connection
    const names = rest(args, 1)
    subscriptions.check(kind, names)
    const allowed =
      kind === 'pattern'
        ? connection.mustFollow([], false, names.map(patternOf))
        : connection.mustFollow(names.map(channelOf), false)
    return respond(allowed, out, (writer) => {
      for (const name of names) {
        subscriptions.add(kind, name)
        const { total } = subscriptions
        confirm(
          writer,
          word,
          name,
          kind === 'shard' ? subscriptions.size('shard') : total - subscriptions.size('shard'),
        )
      }
    })
  }
}

function unsubscribe(kind: Kind): Handler {
  const [, word] = WORDS[kind]
  return (connection, args, out) => {
    const { subscriptions } = connection
    const left = (): number =>
      kind === 'shard'
        ? subscriptions.size('shard')
        : subscriptions.total - subscriptions.size('shard')
    const names = args.count > 1 ? rest(args, 1) : subscriptions.names(kind)
    if (names.length === 0) confirm(out, word, undefined, left())
    for (const name of names) {
      subscriptions.remove(kind, name)
      confirm(out, word, name, left())
    }
  }
}

function confirm(out: ReplyWriter, word: string, name: string | undefined, count: number): void {
  out.push(3)
  out.bulk(word)
  if (name === undefined) out.nil()
  else out.bulk(name)
  out.integer(count)
}

const publish: Handler = (connection, args, out) => {
  const { server } = connection
  if (args.length(2) > server.limits.maxBodyBytes) throw new FanfareError('too_large')
  const channel = server.channelAt(args, 1)
  const allowed = connection.mustPublish(channel)
  const draft: Draft = { channel, body: args.own(2) }
  const published = allowed
    ? allowed.then(() => server.hub.publish(draft, server.counted))
    : server.hub.publish(draft, server.counted)
  if (published instanceof Promise) {
    return published.then(
      ({ receivers }): Reply =>
        (later) =>
          later.integer(receivers),
    )
  }
  out.integer(published.receivers)
  return undefined
}

function channels(kind: Kind): Handler {
  return (connection, args, out) => {
    const { server } = connection
    if (args.count > 3) {
      throw new RedisError(
        `ERR unknown subcommand or wrong number of arguments for '${args.text(1)}'. Try PUBSUB HELP.`,
      )
    }
    const glob = args.count === 3 ? globOf(args.text(2)) : undefined
    const names = [...server.subscribers[kind].keys()].filter((name) => {
      return (glob?.matches(name) ?? true) && connection.identity.sees(channelOf(name))
    })
    out.array(names.length)
    for (const name of names) out.bulk(name)
  }
}

const numsub: Handler = (connection, args, out) => {
  const { server } = connection
  const names = rest(args, 2)
  return respond(connection.mustFollow(names.map(channelOf), false), out, (writer) => {
    writer.array(2 * names.length)
    for (const name of names) {
      writer.bulk(name)
      writer.integer(server.hub.receivers(channelOf(name)))
    }
  })
}

const numpat: Handler = ({ server }, _args, out) => {
  out.integer(server.subscribers.pattern.size)
}

function rest(args: Args, from: number): string[] {
  const texts: string[] = []
  for (let index = from; index < args.count; index++) texts.push(args.text(index))
  return texts
}

const subscribing = { group: 'pubsub', subscribed: true, subscribes: true } as const
const publishing = {
  group: 'pubsub',
  publishes: true,
  appends: true,
  arity: 3,
  run: publish,
} as const
const sub = { group: 'pubsub' } as const

export const pubsubCommands: Readonly<Record<string, CommandSpec>> = {
  subscribe: {
    ...subscribing,
    arity: -2,
    run: subscribe('channel'),
    summary: 'Listen for messages published to the given channels',
    since: '2.0.0',
  },
  unsubscribe: {
    ...subscribing,
    arity: -1,
    run: unsubscribe('channel'),
    summary: 'Stop listening for messages posted to the given channels',
    since: '2.0.0',
  },
  psubscribe: {
    ...subscribing,
    arity: -2,
    run: subscribe('pattern'),
    summary: 'Listen for messages published to channels matching the given patterns',
    since: '2.0.0',
  },
  punsubscribe: {
    ...subscribing,
    arity: -1,
    run: unsubscribe('pattern'),
    summary: 'Stop listening for messages posted to channels matching the given patterns',
    since: '2.0.0',
  },
  ssubscribe: {
    ...subscribing,
    arity: -2,
    run: subscribe('shard'),
    summary: 'Listen for messages published to the given shard channels',
    since: '7.0.0',
    keys: [1, -1, 1],
  },
  sunsubscribe: {
    ...subscribing,
    arity: -1,
    run: unsubscribe('shard'),
    summary: 'Stop listening for messages posted to the given shard channels',
    since: '7.0.0',
    keys: [1, -1, 1],
  },
  publish: { ...publishing, summary: 'Post a message to a channel', since: '2.0.0' },
  spublish: {
    ...publishing,
    summary: 'Post a message to a shard channel',
    since: '7.0.0',
    keys: [1, 1, 1],
  },
  pubsub: {
    ...sub,
    arity: -2,
    summary: 'A container for Pub/Sub commands',
    since: '2.8.0',
    subcommands: {
      channels: {
        ...sub,
        arity: -2,
        run: channels('channel'),
        summary: 'List active channels',
        since: '2.8.0',
      },
      numsub: {
        ...sub,
        arity: -2,
        run: numsub,
        summary: 'Get the count of subscribers for channels',
        since: '2.8.0',
      },
      numpat: {
        ...sub,
        arity: 2,
        run: numpat,
        summary: 'Get the count of unique patterns pattern subscriptions',
        since: '2.8.0',
      },
      shardchannels: {
        ...sub,
        arity: -2,
        run: channels('shard'),
        summary: 'List active shard channels',
        since: '7.0.0',
      },
      shardnumsub: {
        ...sub,
        arity: -2,
        run: numsub,
        summary: 'Get the count of subscribers for shard channels',
        since: '7.0.0',
      },
      help: help('pubsub', [
        'CHANNELS [<pattern>]',
        "    Return the currently active channels matching a <pattern> (default: '*').",
        'NUMPAT',
        '    Return number of subscriptions to patterns.',
        'NUMSUB [<channel> ...]',
        '    Return the number of followers of the specified channels, over all doors, those of',
        '    patterns and subtrees included (default: no channels).',
        'SHARDCHANNELS [<pattern>]',
        "    Return the currently active shard level channels matching a <pattern> (default: '*').",
        'SHARDNUMSUB [<shardchannel> ...]',
        '    As NUMSUB: shard channels are channels.',
      ]),
    },
  },
}
