import type { ErrorCode } from '../model/errors.ts'

/**
 * What a server never says, because none was reached or none of ours answered:
 * - `unreachable`: there was no connection, or it broke before the answer;
 * - `timeout`: the answer did not come in time;
 * - `bad_answer`: what answered is no Fanfare, or something before it answered in its place;
 * - `no_websocket`: this platform has none;
 * - `closed`: the subscription was closed before it was open.
 */
export type ClientErrorCode = 'unreachable' | 'timeout' | 'bad_answer' | 'no_websocket' | 'closed'

/** Why something could not be done. The codes of servers are in docs/errors.md. */
export class FanfareError extends Error {
  /** For programs; servers of later versions may have more. */
  readonly code: ErrorCode | ClientErrorCode | (string & {})
  /** Of the HTTP answer; 0 where there was none. */
  readonly status: number
  /** What to do, where that can be said. */
  readonly help: string | undefined

  constructor(
    code: FanfareError['code'],
    message: string,
    more: { status?: number; help?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'FanfareError'
    this.code = code
    this.status = more.status ?? 0
    this.help = more.help
  }
}

/** Characters of an answer that is no error of ours that are shown. */
const MAX_SHOWN = 500

/** What a server said in an answer that is no success. */
export function errorOf(status: number, text: string): FanfareError {
  const { error } = (parseJson(text) ?? {}) as { error?: Record<string, unknown> }
  const { code, message, help } = error ?? {}
  if (typeof code === 'string' && typeof message === 'string') {
    return new FanfareError(code, message, {
      status,
      help: typeof help === 'string' ? help : undefined,
    })
  }
  const shown = text.trim().slice(0, MAX_SHOWN)
  return new FanfareError('bad_answer', `the server answered ${status}: ${shown || 'nothing'}`, {
    status,
  })
}

/** Whether the same request may succeed later: the server is overloaded, restarting, or behind a proxy. */
export function isPassing({ code, status }: FanfareError): boolean {
  return (
    code === 'unreachable' || code === 'timeout' || status >= 500 || [408, 429].includes(status)
  )
}

/** JSON text as a value; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
