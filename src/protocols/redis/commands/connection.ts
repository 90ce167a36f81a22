import type { CommandSpec, Handler } from '../command.ts'
import type { RedisConnection } from '../connection.ts'
import { NO_INTEGER, RedisError, SYNTAX } from '../errors.ts'
import { VERSION } from '../info.ts'
import { integerAt } from '../numbers.ts'
import type { Args } from '../parser.ts'
import type { Resp } from '../writer.ts'

const WRONG_PASSWORD = new RedisError(
  'WRONGPASS invalid username-password pair or user is disabled.',
)
const NO_PASSWORD = new RedisError(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure ' +
    'your configuration is correct?',
)
const HELLO_FIRST = new RedisError(
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> ' +
    'AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol ' +
    'version at the same time',
)
const BAD_NAME = new RedisError(
  'ERR Client names cannot contain spaces, newlines or special characters.',
)

/** @throws RedisError when it is no name for a client; empty is none */
export function clientName(text: string): string {
  if (!/^[!-~]*$/.test(text)) throw BAD_NAME
  return text
}

const ping: Handler = (connection, args, out) => {
  if (args.count > 2) throw new RedisError("ERR wrong number of arguments for 'ping' command")
  const word = args.count === 2 ? args.text(1) : undefined
  if (connection.resp === 2 && connection.subscribed > 0) {
    out.array(2)
    out.bulk('pong')
    out.bulk(word ?? '')
  } else if (word === undefined) out.simple('PONG')
  else out.bulk(word)
}

const echo: Handler = (_connection, args, out) => {
  out.bulk(args.view(1))
}

const auth: Handler = (connection, args, out) => {
  if (args.count > 3) throw SYNTAX
  if (args.count === 2 && !connection.server.guarded) throw NO_PASSWORD
  const user = args.count === 3 ? args.text(1) : 'default'
  authenticate(connection, user, args.text(args.count - 1))
  out.ok()
}

/** There is one user, `default`; without a password any will do, as in Redis, and gives no rights. */
function authenticate(connection: RedisConnection, user: string, password: string): void {
  const { server } = connection
  if (user !== 'default') throw WRONG_PASSWORD
  if (server.guarded && !server.isPassword(password)) throw WRONG_PASSWORD
  connection.authenticate()
}

const hello: Handler = (connection, args, out) => {
  const version = args.count > 1 ? versionAt(args) : undefined
  const options = helloOptions(args)
  if (options.password !== undefined) {
    authenticate(connection, options.user ?? '', options.password)
  }
  if (!connection.authenticated) throw HELLO_FIRST
  if (options.name !== undefined) connection.name = clientName(options.name)
  if (version !== undefined) connection.speak(version)
  out.map(7)
  out.bulk('server')
  out.bulk('redis')
  out.bulk('version')
  out.bulk(VERSION)
  out.bulk('proto')
  out.integer(connection.resp)
  out.bulk('id')
  out.integer(connection.id)
  out.bulk('mode')
  out.bulk('standalone')
  out.bulk('role')
  out.bulk('master')
  out.bulk('modules')
  out.array(0)
}

function versionAt(args: Args): Resp {
  const text = args.text(1)
  if (!/^-?\d{1,18}$/.test(text)) {
    throw new RedisError('ERR Protocol version is not an integer or out of range')
  }
  if (text !== '2' && text !== '3') throw new RedisError('NOPROTO unsupported protocol version')
  return text === '2' ? 2 : 3
}

function helloOptions(args: Args): { user?: string; password?: string; name?: string } {
  const found: { user?: string; password?: string; name?: string } = {}
  for (let index = 2; index < args.count; ) {
    const option = args.lower(index)
    const more = args.count - 1 - index
    if (option === 'auth' && more >= 2) {
      found.user = args.text(index + 1)
      found.password = args.text(index + 2)
      index += 3
    } else if (option === 'setname' && more >= 1) {
      found.name = args.text(index + 1)
      index += 2
    } else throw new RedisError(`ERR Syntax error in HELLO option '${args.text(index)}'`)
  }
  return found
}

const reset: Handler = (connection, _args, out) => {
  connection.reset()
  out.simple('RESET')
}

const quit: Handler = (connection, _args, out) => {
  out.ok()
  connection.closeAfterReply()
}

const select: Handler = (_connection, args, out) => {
  const index = integerAt(args, 1)
  if (index === undefined) throw NO_INTEGER
  if (index !== 0) throw new RedisError('ERR DB index is out of range')
  out.ok()
}

const of = { group: 'connection' } as const
const fast = { ...of, flags: ['fast'] } as const

export const connectionCommands: Readonly<Record<string, CommandSpec>> = {
  ping: {
    ...fast,
    arity: -1,
    run: ping,
    subscribed: true,
    summary: 'Ping the server',
    since: '1.0.0',
  },
  echo: { ...fast, arity: 2, run: echo, summary: 'Echo the given string', since: '1.0.0' },
  auth: {
    ...fast,
    arity: -2,
    run: auth,
    open: true,
    summary: 'Authenticate to the server',
    since: '1.0.0',
  },
  hello: {
    ...fast,
    arity: -1,
    run: hello,
    open: true,
    summary: 'Handshake with Redis',
    since: '6.0.0',
  },
  reset: {
    ...fast,
    arity: 1,
    run: reset,
    open: true,
    subscribed: true,
    summary: 'Reset the connection',
    since: '6.2.0',
  },
  quit: {
    ...fast,
    arity: -1,
    run: quit,
    open: true,
    subscribed: true,
    summary: 'Close the connection',
    since: '1.0.0',
  },
  select: {
    ...fast,
    arity: 2,
    run: select,
    summary: 'Change the selected database for the current connection',
    since: '1.0.0',
  },
}
