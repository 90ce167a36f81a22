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
}

export const ERRORS = {
  bad_request: { status: 400, message: 'The request could not be understood.' },
  bad_channel: { status: 400, message: 'A channel name is 1 to 512 bytes.' },
  bad_cursor: { status: 400, message: 'The cursor is not one this server could have given.' },
  bad_message: { status: 400, message: 'The message is not in the form this door takes.' },
  bad_expiry: { status: 400, message: 'TTL is a whole number of seconds, 0 or more.' },
  bad_key: { status: 400, message: 'An Idempotency-Key is 1 to 255 characters.' },
  unauthorized: { status: 401, message: 'The request is not signed as this hook asks for.' },
  not_trusted: { status: 403, message: 'Only trusted peers may publish.' },
  foreign_origin: { status: 403, message: 'Pages of other origins may not use this location.' },
  unknown_location: {
    status: 404,
    message: 'No location matches this path; behind its prefix goes the name of a channel.',
  },
  unknown_channel: { status: 404, message: 'There is no such channel.' },
  method_not_allowed: { status: 405, message: 'This location does not take that method.' },
  request_timeout: { status: 408, message: 'The request did not arrive in time.' },
  displaced: { status: 409, message: 'Another subscriber holds this channel.' },
  deleted: { status: 410, message: 'The channel was deleted.' },
  too_large: { status: 413, message: 'The message is larger than this server takes.' },
  too_many: { status: 400, message: 'More than this server allows at once.' },
  key_reused: { status: 422, message: 'This Idempotency-Key came before with another message.' },
  upgrade_required: { status: 426, message: 'This location speaks WebSocket.' },
  internal: { status: 500, message: 'The server failed to do this; its log says why.' },
  store_unavailable: { status: 503, message: 'The store cannot take messages at this moment.' },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

/** An error with a code from the table, safe to show to the client that caused it. */
export class FanfareError extends Error {
  readonly code: ErrorCode

  /** @param detail replaces the table's words where something more exact can be said */
  constructor(code: ErrorCode, detail?: string) {
    super(detail ?? ERRORS[code].message)
    this.name = 'FanfareError'
    this.code = code
  }

  get status(): number {
    return ERRORS[this.code].status
  }
}

/** Any thrown thing as an error that may be shown; what is not ours is `internal`. */
export function asFanfareError(thrown: unknown): FanfareError {
  return thrown instanceof FanfareError ? thrown : new FanfareError('internal')
}
