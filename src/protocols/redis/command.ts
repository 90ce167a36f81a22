import type { RedisConnection } from './connection.ts'
import type { Args } from './parser.ts'
import type { ReplyWriter } from './writer.ts'

/** Writes a reply that had to be waited for. */
export type Reply = (out: ReplyWriter) => void

/**
 * Does a command. What is there at once is written to `out`; a promise stands for what is not.
 * Arguments are good until it returns.
 * @throws RedisError, FanfareError: what the client is told
 */
export type Handler = (
  connection: RedisConnection,
  args: Args,
  out: ReplyWriter,
) => void | Promise<Reply>

export interface CommandSpec {
  /** How many arguments, the name included; negative: at least so many. */
  readonly arity: number
  readonly run?: Handler
  readonly summary: string
  /** The version of Redis that had it first. */
  readonly since: string
  readonly group: 'connection' | 'pubsub' | 'stream' | 'generic' | 'server'
  /** As COMMAND tells them. */
  readonly flags?: readonly string[]
  /** First and last argument that is a channel, and the step from one to the next. */
  readonly keys?: readonly [number, number, number]
  /** It is for trusted peers, and for those who have said the password. */
  readonly trusted?: boolean
  /** It publishes, or removes what was published: it is asked of each channel whether that may be. */
  readonly publishes?: boolean
  /** Needs no password. */
  readonly open?: boolean
  /** RESP2 allows it while subscribed. */
  readonly subscribed?: boolean
  /** Changes subscriptions: the hub need not have heard of earlier changes. */
  readonly subscribes?: boolean
  /** Several of it may wait for the store at once; their replies come in order. */
  readonly appends?: boolean
  /** Known only to say why it is not here. */
  readonly refused?: boolean
  readonly subcommands?: Readonly<Record<string, CommandSpec>>
}

export interface Command extends Omit<CommandSpec, 'subcommands'> {
  /** In small letters; of a subcommand `client|kill`. */
  readonly name: string
  readonly subcommands: ReadonlyMap<string, Command>
}

export function commandsOf(specs: Readonly<Record<string, CommandSpec>>): Map<string, Command> {
  return new Map(Object.entries(specs).map(([name, spec]) => [name, commandOf(name, spec)]))
}

function commandOf(name: string, spec: CommandSpec): Command {
  const inner = Object.entries(spec.subcommands ?? {}).map(
    ([sub, one]) => [sub, commandOf(`${name}|${sub}`, one)] as const,
  )
  return { ...spec, name, subcommands: new Map(inner) }
}
