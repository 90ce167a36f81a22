import type { CommandSpec, Handler } from '../command.ts'
import type { RedisConnection } from '../connection.ts'
import { RedisError, SYNTAX } from '../errors.ts'
import { integerAt } from '../numbers.ts'
import type { Args } from '../parser.ts'
import { clientName } from './connection.ts'
import { help } from './help.ts'

const id: Handler = (connection, _args, out) => {
  out.integer(connection.id)
}

const setname: Handler = (connection, args, out) => {
  connection.name = clientName(args.text(2))
  out.ok()
}

const getname: Handler = ({ name }, _args, out) => {
  if (name === '') out.nil()
  else out.bulk(name)
}

const setinfo: Handler = (connection, args, out) => {
  const option = args.lower(2)
  const value = args.text(3)
  if (option !== 'lib-name' && option !== 'lib-ver') {
    throw new RedisError(`ERR Unrecognized option '${args.text(2)}'`)
  }
  if (!/^[!-~]*$/.test(value)) {
    throw new RedisError(`ERR ${option} cannot contain spaces, newlines or special characters.`)
  }
  const { library } = connection
  connection.library =
    option === 'lib-name' ? { ...library, name: value } : { ...library, version: value }
  out.ok()
}

const info: Handler = (connection, _args, out) => {
  out.verbatim(lineOf(connection))
}

const list: Handler = ({ server }, args, out) => {
  const clients = [...server.clients.values()]
  out.verbatim(clients.filter(chosen(args)).map(lineOf).join(''))
}

/** Who is meant by LIST's options. */
function chosen(args: Args): (client: RedisConnection) => boolean {
  if (args.count === 2) return () => true
  const option = args.lower(2)
  if (option === 'type' && args.count === 4) return typeFilter(args.text(3))
  if (option !== 'id' || args.count < 4) throw SYNTAX
  const ids = new Set<number>()
  for (let index = 3; index < args.count; index++) {
    const wanted = integerAt(args, index)
    if (wanted === undefined) throw new RedisError('ERR Invalid client ID')
    ids.add(wanted)
  }
  return (client) => ids.has(client.id)
}

function typeFilter(text: string): (client: RedisConnection) => boolean {
  switch (text.toLowerCase()) {
    case 'normal':
      return ({ subscribed }) => subscribed === 0
    case 'pubsub':
      return ({ subscribed }) => subscribed > 0
    case 'master':
    case 'replica':
    case 'slave':
      return () => false
    default:
      throw new RedisError(`ERR Unknown client type '${text}'`)
  }
}

/** A client as LIST and INFO show it. */
function lineOf(client: RedisConnection): string {
  const { server, socket } = client
  const { now } = server.wheel
  const seconds = (since: number): number => Math.max(0, Math.floor((now - since) / 1000))
  const flags = client.waiting ? 'b' : client.subscribed > 0 ? 'P' : 'N'
  const size = (kind: 'channel' | 'pattern' | 'shard'): number =>
    client.subscribed > 0 ? client.subscriptions.size(kind) : 0
  return (
    `id=${client.id} addr=${address(socket.remoteAddress, socket.remotePort)} ` +
    `laddr=${address(socket.localAddress, socket.localPort)} name=${client.name} ` +
    `age=${seconds(client.since)} idle=${seconds(client.lastActive)} flags=${flags} db=0 ` +
    `sub=${size('channel')} psub=${size('pattern')} ssub=${size('shard')} multi=-1 ` +
    `qbuf=${client.unread} obl=0 oll=0 omem=${client.unsent} ` +
    `cmd=${client.lastCommand} user=default resp=${client.resp} ` +
    `lib-name=${client.library.name} lib-ver=${client.library.version}\n`
  )
}

function address(host: string | undefined, port: number | undefined): string {
  if (host === undefined) return '?:0'
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

const kill: Handler = (connection, args, out) => {
  if (args.count === 3) {
    const [found] = matching(connection, [peerFilter(args.text(2))])
    if (!found) throw new RedisError('ERR No such client')
    end(connection, found)
    out.ok()
    return
  }
  if (args.count % 2 === 1) throw SYNTAX
  let skipSelf = true
  const filters: Filter[] = []
  for (let index = 2; index < args.count; index += 2) {
    if (args.lower(index) === 'skipme') skipSelf = yesAt(args, index + 1)
    else filters.push(killFilter(args, index))
  }
  const found = matching(connection, filters).filter((one) => !skipSelf || one !== connection)
  for (const one of found) end(connection, one)
  out.integer(found.length)
}

type Filter = (client: RedisConnection) => boolean

function matching({ server }: RedisConnection, filters: readonly Filter[]): RedisConnection[] {
  return [...server.clients.values()].filter((client) => filters.every((holds) => holds(client)))
}

function killFilter(args: Args, index: number): Filter {
  const value = args.text(index + 1)
  switch (args.lower(index)) {
    case 'id': {
      const wanted = integerAt(args, index + 1)
      if (wanted === undefined || wanted <= 0) {
        throw new RedisError('ERR client-id should be greater than 0')
      }
      return (client) => client.id === wanted
    }
    case 'addr':
      return peerFilter(value)
    case 'laddr':
      return ({ socket }) => address(socket.localAddress, socket.localPort) === value
    case 'type':
      return typeFilter(value)
    case 'user':
      if (value !== 'default') throw new RedisError(`ERR No such user '${value}'`)
      return () => true
    default:
      throw SYNTAX
  }
}

function peerFilter(value: string): Filter {
  return ({ socket }) => address(socket.remoteAddress, socket.remotePort) === value
}

function yesAt(args: Args, index: number): boolean {
  const word = args.lower(index)
  if (word !== 'yes' && word !== 'no') throw SYNTAX
  return word === 'yes'
}

/** Whoever ends itself gets its reply first. */
function end(connection: RedisConnection, victim: RedisConnection): void {
  if (victim === connection) connection.closeAfterReply()
  else victim.socket.destroy()
}

const reply: Handler = (connection, args, out) => {
  const word = args.lower(2)
  if (word === 'on') {
    connection.replies = 'on'
    out.ok()
  } else if (word === 'off') connection.replies = 'off'
  else if (word === 'skip') {
    if (connection.replies === 'on') connection.replies = 'skip'
  } else throw SYNTAX
}

/** What would only make sense for a Redis' memory: there is nothing to evict. */
const onOff: Handler = (_connection, args, out) => {
  const word = args.lower(2)
  if (word !== 'on' && word !== 'off') throw SYNTAX
  out.ok()
}

const of = { group: 'connection' } as const

export const clientCommands: Readonly<Record<string, CommandSpec>> = {
  client: {
    ...of,
    arity: -2,
    summary: 'A container for client connection commands',
    since: '2.4.0',
    subcommands: {
      id: {
        ...of,
        arity: 2,
        run: id,
        summary: 'Returns the client ID for the current connection',
        since: '5.0.0',
      },
      setname: {
        ...of,
        arity: 3,
        run: setname,
        summary: 'Set the current connection name',
        since: '2.6.9',
      },
      getname: {
        ...of,
        arity: 2,
        run: getname,
        summary: 'Get the current connection name',
        since: '2.6.9',
      },
      setinfo: {
        ...of,
        arity: 4,
        run: setinfo,
        summary: 'Set client or connection specific info',
        since: '7.2.0',
      },
      info: {
        ...of,
        arity: 2,
        run: info,
        summary: 'Returns information about the current client connection.',
        since: '6.2.0',
      },
      list: {
        ...of,
        arity: -2,
        run: list,
        trusted: true,
        summary: 'Get the list of client connections',
        since: '2.4.0',
      },
      kill: {
        ...of,
        arity: -3,
        run: kill,
        trusted: true,
        summary: 'Kill the connection of a client',
        since: '2.4.0',
      },
      reply: {
        ...of,
        arity: 3,
        run: reply,
        summary: 'Instruct the server whether to reply to commands',
        since: '3.2.0',
      },
      'no-evict': {
        ...of,
        arity: 3,
        run: onOff,
        summary: 'Set client eviction mode for the current connection',
        since: '7.0.0',
      },
      'no-touch': {
        ...of,
        arity: 3,
        run: onOff,
        summary: 'Controls whether commands sent by the client affect the LRU/LFU of accessed keys',
        since: '7.2.0',
      },
      help: help('client', [
        'GETNAME',
        '    Return the name of the current connection.',
        'ID',
        '    Return the ID of the current connection.',
        'INFO',
        '    Return information about the current client connection.',
        'KILL <ip:port>',
        '    Kill connection made from <ip:port>.',
        'KILL <option> <value> [<option> <value> [...]]',
        '    Kill connections. Options are: ADDR, LADDR, TYPE (NORMAL|PUBSUB), USER, ID, SKIPME.',
        'LIST [TYPE (NORMAL|PUBSUB) | ID <id> ...]',
        '    Return information about client connections.',
        'NO-EVICT (ON|OFF), NO-TOUCH (ON|OFF)',
        '    Accepted: nothing is evicted here.',
        'REPLY (ON|OFF|SKIP)',
        '    Control the replies sent to the current connection.',
        'SETINFO (LIB-NAME|LIB-VER) <value>',
        '    Tell what program this is.',
        'SETNAME <name>',
        '    Assign the name <name> to the current connection.',
      ]),
    },
  },
}
