import type { Command, CommandSpec, Handler } from '../command.ts'
import type { RedisConnection } from '../connection.ts'
import { RedisError, SYNTAX } from '../errors.ts'
import { infoText } from '../info.ts'
import type { Args } from '../parser.ts'
import { respond } from '../replying.ts'
import { globOf } from '../subscriptions.ts'
import type { ReplyWriter } from '../writer.ts'
import { help } from './help.ts'

const info: Handler = ({ server }, args, out) => {
  const wanted = lowers(args, 1)
  return respond(server.hub.channels(0, 0), out, (writer, { total }) =>
    writer.verbatim(infoText(server, wanted, total)),
  )
}

const time: Handler = ({ server }, _args, out) => {
  const now = server.clock.now()
  out.array(2)
  out.bulk(String(Math.floor(now / 1000)))
  out.bulk(String((now % 1000) * 1000))
}

const configGet: Handler = ({ server }, args, out) => {
  const values = {
    appendonly: 'no',
    databases: '1',
    maxclients: String(server.limits.maxConnections),
    'proto-max-bulk-len': String(server.parserLimits.maxArgumentBytes),
    save: '',
    timeout: '0',
  }
  const globs = lowers(args, 2).map((pattern) => globOf(pattern))
  const found = Object.entries(values).filter(([name]) => globs.some((glob) => glob.matches(name)))
  out.map(found.length)
  for (const [name, value] of found) {
    out.bulk(name)
    out.bulk(value)
  }
}

/** All that are to be seen. */
function visible({ server }: RedisConnection): Command[] {
  return [...server.table.commands.values()].filter(({ refused }) => !refused)
}

function named(connection: RedisConnection, name: string): Command | undefined {
  const [container = '', sub] = name.split('|')
  const command = connection.server.table.commands.get(container)
  if (command?.refused) return undefined
  return sub === undefined ? command : command?.subcommands.get(sub)
}

const command: Handler = (connection, _args, out) => {
  writeCommands(connection, out)
}

function writeCommands(connection: RedisConnection, out: ReplyWriter): void {
  const all = visible(connection)
  out.array(all.length)
  for (const one of all) writeCommand(out, one)
}

const commandCount: Handler = (connection, _args, out) => {
  out.integer(visible(connection).length)
}

const commandInfo: Handler = (connection, args, out) => {
  if (args.count === 2) {
    writeCommands(connection, out)
    return
  }
  const names = lowers(args, 2)
  out.array(names.length)
  for (const name of names) {
    const one = named(connection, name)
    if (one) writeCommand(out, one)
    else out.nil()
  }
}

function writeCommand(
  out: ReplyWriter,
  { name, arity, flags, keys, group, publishes, trusted, subcommands }: Command,
): void {
  const [first, last, step] = keys ?? [0, 0, 0]
  out.array(10)
  out.bulk(name)
  out.integer(arity)
  const all = [...(flags ?? []), ...(publishes || trusted ? ['write'] : [])]
  out.set(all.length)
  for (const flag of all) out.simple(flag)
  out.integer(first)
  out.integer(last)
  out.integer(step)
  out.set(1)
  out.simple(`@${group}`)
  out.array(0)
  out.array(0)
  out.array(subcommands.size)
  for (const sub of subcommands.values()) writeCommand(out, sub)
}

const commandDocs: Handler = (connection, args, out) => {
  const chosen =
    args.count === 2
      ? visible(connection)
      : lowers(args, 2).flatMap((name) => named(connection, name) ?? [])
  out.map(chosen.length)
  for (const one of chosen) writeDocs(out, one)
}

function writeDocs(out: ReplyWriter, { name, summary, since, group, subcommands }: Command): void {
  out.bulk(name)
  out.map(subcommands.size > 0 ? 4 : 3)
  for (const [key, value] of Object.entries({ summary, since, group })) {
    out.bulk(key)
    out.bulk(value)
  }
  if (subcommands.size === 0) return
  out.bulk('subcommands')
  out.map(subcommands.size)
  for (const sub of subcommands.values()) writeDocs(out, sub)
}

const commandList: Handler = (connection, args, out) => {
  let names = visible(connection).map(({ name }) => name)
  if (args.count > 2) {
    if (args.count !== 5 || args.lower(2) !== 'filterby') throw SYNTAX
    const by = args.lower(3)
    const wanted = args.lower(4)
    if (by === 'pattern') {
      const glob = globOf(wanted)
      names = names.filter((name) => glob.matches(name))
    } else if (by === 'aclcat') {
      const groups = new Map(visible(connection).map(({ name, group }) => [name, group]))
      names = names.filter((name) => groups.get(name) === wanted)
    } else if (by === 'module') names = []
    else throw SYNTAX
  }
  out.array(names.length)
  for (const name of names) out.bulk(name)
}

function refuse(words: string): Handler {
  return () => {
    throw new RedisError(`ERR ${words}`)
  }
}

function lowers(args: Args, from: number): string[] {
  return Array.from({ length: args.count - from }, (_, index) => args.lower(from + index))
}

const of = { group: 'server' } as const

export const serverCommands: Readonly<Record<string, CommandSpec>> = {
  info: {
    ...of,
    arity: -1,
    run: info,
    summary: 'Get information and statistics about the server',
    since: '1.0.0',
  },
  time: {
    ...of,
    arity: 1,
    run: time,
    flags: ['fast'],
    summary: 'Return the current server time',
    since: '2.6.0',
  },
  config: {
    ...of,
    arity: -2,
    summary: 'A container for server configuration commands',
    since: '2.0.0',
    subcommands: {
      get: {
        ...of,
        arity: -3,
        run: configGet,
        summary: 'Get the values of configuration parameters',
        since: '2.0.0',
      },
      set: {
        ...of,
        arity: -4,
        run: refuse(
          "CONFIG SET is not supported here: settings are in Fanfare's own configuration",
        ),
        summary: 'Set configuration parameters to the given values',
        since: '2.0.0',
      },
      help: help('config', [
        'GET <pattern>',
        "    Return what a client may want to know. Settings are in Fanfare's own configuration.",
      ]),
    },
  },
  command: {
    ...of,
    arity: -1,
    run: command,
    summary: 'Get array of Redis command details',
    since: '2.8.13',
    subcommands: {
      count: {
        ...of,
        arity: 2,
        run: commandCount,
        summary: 'Get total number of Redis commands',
        since: '2.8.13',
      },
      docs: {
        ...of,
        arity: -2,
        run: commandDocs,
        summary: 'Get array of specific Redis command documentation',
        since: '7.0.0',
      },
      info: {
        ...of,
        arity: -2,
        run: commandInfo,
        summary: 'Get array of specific Redis command details, or all when no argument is given.',
        since: '2.8.13',
      },
      list: {
        ...of,
        arity: -2,
        run: commandList,
        summary: 'Get an array of Redis command names',
        since: '7.0.0',
      },
      help: help('command', [
        '(no subcommand)',
        '    Return details about all commands.',
        'COUNT',
        '    Return the total number of commands.',
        'LIST [FILTERBY (ACLCAT <group> | PATTERN <pattern> | MODULE <name>)]',
        '    Return a list of all commands.',
        'INFO [<command-name> ...]',
        '    Return details about multiple commands.',
        'DOCS [<command-name> ...]',
        '    Return documentation details about multiple commands.',
      ]),
    },
  },
}
