/**
 * Every way in which a request can be wrong or refused, in one table: the code that programs read,
 * the HTTP status, and the words.
 * Doors put these in their protocol's own form; docs/errors.md is generated from here.
 */
export interface ErrorKind {
  /** HTTP status of the answer. */
  readonly status: number
  /** What went wrong, in words for people; a thrown error may say more. */
  readonly message: string
  /** What to do about it, where that can be said. */
  readonly help?: string
}

export const ERRORS = {
  bad_request: {
    status: 400,
    message: 'The request could not be understood.',
    help: 'Compare it with the documentation in docs/.',
  },
  bad_channel: { status: 400, message: 'A channel name is 1 to 512 bytes.' },
  bad_cursor: {
    status: 400,
    message: 'The cursor is not one this server could have given.',
    help: 'Send an id as it came with a message, such as 1763728800-0.',
  },
  bad_message: { status: 400, message: 'The message is not in the form this door takes.' },
  bad_expiry: { status: 400, message: 'TTL is a whole number of seconds, 0 or more.' },
  bad_key: { status: 400, message: 'An Idempotency-Key is 1 to 255 characters.' },
  unauthorized: { status: 401, message: 'The request is not signed as this hook asks for.' },
  not_authorized: {
    status: 401,
    message: 'This is no session, key or token that is valid here.',
    help: 'Log in with what was registered for this user, and has not been removed.',
  },
  forbidden: {
    status: 403,
    message: 'This user may not do that.',
    help: 'Ask `fanfare access explain` who may do what, and by which rule.',
  },
  not_trusted: {
    status: 403,
    message: 'Only trusted peers may publish.',
    help: 'Ask from a trusted peer, or add the address to `trustedPeers`; a proxy goes into `trustedProxies`.',
  },
  foreign_origin: { status: 403, message: 'Pages of other origins may not use this location.' },
  wrong_host: {
    status: 421,
    message: 'This port is not asked for under that name.',
    help: 'Use an address or localhost, or add the name to `management.hosts`.',
  },
  unknown_location: {
    status: 404,
    message: 'No location matches this path; behind its prefix goes the name of a channel.',
  },
  unknown_channel: { status: 404, message: 'There is no such channel.' },
  not_connected: {
    status: 404,
    message: 'User not connected',
    help: 'Publish once the user has logged in, or to a channel that it is subscribed to.',
  },
  unknown_method: {
    status: 404,
    message: 'There is no such service, or it has no such method.',
    help: 'GET /api lists all methods.',
  },
  bad_argument: {
    status: 400,
    message: 'An argument is missing, or is not what the method takes.',
    help: 'GET /api lists what each method takes.',
  },
  bad_config: {
    status: 400,
    message: 'The configuration cannot be used.',
    help: 'Put right what is listed, and try again; nothing has changed.',
  },
  unknown_node: {
    status: 404,
    message: 'There is no such node.',
    help: 'All nodes are listed by manager/status.',
  },
  not_manager: {
    status: 409,
    message: 'This node is not the manager.',
    help: 'Ask again: any node passes it on to the one that is.',
  },
  not_here: {
    status: 421,
    message: 'This node does not carry that service.',
    help: 'Ask a node that does: manager/status lists what each carries.',
  },
  method_not_allowed: { status: 405, message: 'This location does not take that method.' },
  request_timeout: { status: 408, message: 'The request did not arrive in time.' },
  displaced: { status: 409, message: 'Another subscriber holds this channel.' },
  deleted: { status: 410, message: 'The channel was deleted.' },
  too_large: {
    status: 413,
    message: 'The message is larger than this server takes.',
    help: 'Send less, or raise `limits.maxBodyBytes`.',
  },
  unsupported_encoding: {
    status: 415,
    message: 'The body is compressed; nothing is unpacked here.',
    help: 'Send it as it is, without Content-Encoding.',
  },
  too_many: {
    status: 400,
    message: 'More than this server allows at once.',
    help: 'Remove some, or raise the bound in the configuration.',
  },
  too_many_requests: {
    status: 429,
    message: 'More is published than `limits.publishRate` allows.',
    help: 'Publish less, or wait as long as Retry-After says; the bounds are in `limits.publishRate`.',
  },
  key_reused: {
    status: 422,
    message: 'This Idempotency-Key came before with another message.',
    help: 'Use a key of its own for each message.',
  },
  upgrade_required: { status: 426, message: 'This location speaks WebSocket.' },
  internal: {
    status: 500,
    message: 'The server failed to do this; its log says why.',
    help: 'Look into the log of the server.',
  },
  access_unavailable: {
    status: 503,
    message: 'Who may do this cannot be found out at this moment.',
    help: 'Try again in a moment; the log of the server says what it waits for.',
  },
  store_unavailable: {
    status: 503,
    message: 'The store cannot take messages at this moment.',
    help: 'Try again in a moment.',
  },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

/** An error with a code from the table, safe to show to the client that caused it. */
export class FanfareError extends Error {
  readonly code: ErrorCode
  readonly #help: string | undefined

  /**
   * @param detail replaces the table's words where something more exact can be said
   * @param help likewise for what to do
   */
  constructor(code: ErrorCode, detail?: string, help?: string) {
    super(detail ?? ERRORS[code].message)
    this.name = 'FanfareError'
    this.code = code
    this.#help = help
  }

  get status(): number {
    return ERRORS[this.code].status
  }

  /** What to do about it, where that can be said. */
  get help(): string | undefined {
    const kind: ErrorKind = ERRORS[this.code]
    return this.#help ?? kind.help
  }
}

/** Too much in too short a time. */
export class RateError extends FanfareError {
  /** Whole seconds after which there is room. */
  readonly retryAfter: number

  constructor(retryAfter: number, detail?: string) {
    const wait = `Try again in ${retryAfter} s.`
    super('too_many_requests', detail === undefined ? wait : `${detail} ${wait}`)
    this.retryAfter = retryAfter
  }
}

/** Any thrown thing as an error that may be shown; what is not ours is `internal`. */
export function asFanfareError(thrown: unknown): FanfareError {
  return thrown instanceof FanfareError ? thrown : new FanfareError('internal')
}
