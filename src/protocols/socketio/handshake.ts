import type { IncomingHttpHeaders } from 'node:http'
import { readSince } from '../../http/following.ts'
import type { Since } from '../../hub/contract.ts'
import { type Cursor, parseCursor } from '../../model/cursor.ts'
import { FanfareError } from '../../model/errors.ts'
import { HISTORY, REST } from './encoder.ts'
import type { IoSocket } from './engine.ts'

/** What a client shows to log in with. */
export type Credential =
  | { readonly kind: 'session'; readonly session: string; readonly user: string | undefined }
  | {
      readonly kind: 'token' | 'key'
      readonly secret: string
      readonly user: string | undefined
    }

/** What a client says as it connects. */
export interface Handshake {
  /** Undefined: it will say so in a message, as the original's clients do. */
  readonly credential: Credential | undefined
  readonly envelope: boolean
  /** Messages carry their ids as an argument of their own. */
  readonly offsets: boolean
  readonly since: Since | undefined
  /** The connection that it lost, and the last id that it had of it. */
  readonly pid: string | undefined
  readonly offset: Offset | undefined
}

/** Behind the last message that a client had. */
export interface Offset {
  /** Of what it follows, or of history that was read beside that. */
  readonly at: Cursor
  readonly inHistory: boolean
  /** In history, over several partitions: of what it follows beside that. */
  readonly rest: Cursor | undefined
}

/**
 * Reads the handshake: each name from `auth`, or else from the query, which older clients have alone.
 * @param partitions of the store that cursors are for
 * @throws FanfareError `bad_request`, `bad_cursor`, `not_authorized`
 */
export function readHandshake(socket: IoSocket, partitions: number): Handshake {
  const { handshake, conn } = socket
  const { query, headers } = handshake
  const auth: unknown = handshake.auth
  const said = new Said(auth, query)
  const offsets = conn.protocol >= 4 && (said.flag('recover') ?? isJavaScript(headers))
  const since = said.text('since')
  const offset = offsets ? said.text('offset') : undefined
  return {
    credential: credentialOf(said),
    envelope: said.flag('envelope') ?? false,
    offsets,
    since: since === undefined ? undefined : readSince(since, partitions),
    pid: offsets ? said.text('pid') : undefined,
    offset: offset === undefined ? undefined : readOffset(offset, partitions),
  }
}

/** Undefined for what was the last argument of somebody else's event. */
function readOffset(text: string, partitions: number): Offset | undefined {
  const inHistory = text.startsWith(HISTORY)
  const [first = '', second] = (inHistory ? text.slice(HISTORY.length) : text).split(REST, 2)
  const at = parseCursor(first, partitions)
  const rest = second === undefined ? undefined : parseCursor(second, partitions)
  return at === undefined ? undefined : { at, inHistory, rest }
}

function credentialOf(said: Said): Credential | undefined {
  const session = said.credential('session')
  const token = said.credential('token')
  const key = said.credential('key')
  const user = said.text('userId')
  if ([session, token, key].filter((one) => one !== undefined).length > 1) {
    throw new FanfareError(
      'bad_request',
      'Log in with a session, a token or a key: with one of them.',
    )
  }
  if (session !== undefined) return { kind: 'session', session, user }
  if (token !== undefined) return { kind: 'token', secret: token, user }
  if (key !== undefined) return { kind: 'key', secret: key, user }
  return undefined
}

/**
 * Whether the client is likely the one in JavaScript, which ignores a further argument where its
 * handler names none, and recovers by it. In others such an argument is one too many. Browsers and
 * its long polling in Node name themselves; its WebSocket in Node does not, but offers to compress.
 */
function isJavaScript(headers: IncomingHttpHeaders): boolean {
  const agent = headers['user-agent']
  if (agent !== undefined) return /^Mozilla\/|^node-XMLHttpRequest/.test(agent)
  return /\bpermessage-deflate\b/.test(headers['sec-websocket-extensions'] ?? '')
}

class Said {
  readonly #auth: Readonly<Record<string, unknown>>
  readonly #query: Readonly<Record<string, unknown>>

  constructor(auth: unknown, query: Readonly<Record<string, unknown>>) {
    this.#auth = typeof auth === 'object' && auth !== null ? { ...auth } : {}
    this.#query = query
  }

  #value(name: string): unknown {
    if (Object.hasOwn(this.#auth, name)) return this.#auth[name]
    return Object.hasOwn(this.#query, name) ? this.#query[name] : undefined
  }

  /** What is shown and is no text is not taken for nothing. */
  credential(name: string): string | undefined {
    const value = this.#value(name)
    if (value === undefined) return undefined
    if (typeof value !== 'string' || value === '') throw new FanfareError('not_authorized')
    return value
  }

  text(name: string): string | undefined {
    const value = this.#value(name)
    if (value === undefined || value === null) return undefined
    if (typeof value === 'string' || typeof value === 'number') return String(value)
    throw new FanfareError('bad_request', `\`${name}\` in the handshake is a text or a number.`)
  }

  flag(name: string): boolean | undefined {
    const value = this.#value(name)
    if (value === undefined || value === null) return undefined
    if (value === true || value === 'true' || value === '1') return true
    if (value === false || value === 'false' || value === '0') return false
    throw new FanfareError('bad_request', `\`${name}\` in the handshake is true or false.`)
  }
}
