import type { Access } from '../../../access/access.ts'
import type { Caller } from '../../../access/caller.ts'
import { KEY_PREFIX } from '../../../access/keys.ts'
import { FanfareError } from '../../../model/errors.ts'
import { chain, type MaybePromise } from '../../../model/maybe.ts'
import type { CommandSpec, Handler } from '../command.ts'
import type { RedisConnection } from '../connection.ts'
import { NO_INTEGER, RedisError, SYNTAX } from '../errors.ts'
import { VERSION } from '../info.ts'
import { integerAt } from '../numbers.ts'
import type { Args } from '../parser.ts'
import { respond } from '../replying.ts'
import type { ReplyWriter, Resp } from '../writer.ts'

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
  const user = args.count === 3 ? args.text(1) : 'default'
  const password = args.text(args.count - 1)
  if (args.count === 2 && !connection.server.guarded && !isOurs(password)) throw NO_PASSWORD
  return respond(authenticate(connection, user, password), out, (writer) => writer.ok())
}

/** A key, or a token, whatever space its JSON begins with: neither is a password that somebody has made up. */
function isOurs(password: string): boolean {
  return password.startsWith(KEY_PREFIX) || /^e[wy][\w-]*\.[\w-]+\.[\w-]*$/.test(password)
}

/**
 * Keys and tokens are good for any door, under the name `default` or their own. Beside them there is the
 * password; without one any will do, as in Redis, and gives no rights.
 */
function authenticate(
  connection: RedisConnection,
  user: string,
  password: string,
): MaybePromise<void> {
  const { server } = connection
  if (isOurs(password) && !server.isPassword(password)) {
    return chain(identify(server.access, password), (caller) => {
      const names: unknown[] = ['default', '', caller.name, caller.user]
      if (!names.includes(user)) throw WRONG_PASSWORD
      return connection.authenticate(caller)
    })
  }
  if (user !== 'default') throw WRONG_PASSWORD
  if (server.guarded && !server.isPassword(password)) throw WRONG_PASSWORD
  return connection.authenticate(
    server.guarded ? server.access.passed('redis.password') : undefined,
  )
}

/** @throws RedisError in Redis's words, with ours behind them */
function identify(access: Access, secret: string): MaybePromise<Caller> {
  try {
    const caller = access.identifySecret(secret)
    return caller instanceof Promise ? caller.catch(refused) : caller
  } catch (error) {
    return refused(error)
  }
}

function refused(error: unknown): never {
  if (!(error instanceof FanfareError) || error.code !== 'not_authorized') throw error
  throw new RedisError(`${WRONG_PASSWORD.message} ${error.message}`)
}

const hello: Handler = (connection, args, out) => {
  const version = args.count > 1 ? versionAt(args) : undefined
  const { user = '', password, name } = helloOptions(args)
  const authenticated =
    password === undefined ? undefined : authenticate(connection, user, password)
  return respond(authenticated, out, (writer) => {
    if (!connection.identity.authenticated) throw HELLO_FIRST
    if (name !== undefined) connection.name = name
    if (version !== undefined) {
      connection.speak(version)
      writer.resp = version
    }
    writeHello(connection, writer)
  })
}

function writeHello(connection: RedisConnection, out: ReplyWriter): void {
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
      // Before anything of it holds, and before anything is waited for.
      found.name = clientName(args.text(index + 1))
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
