import { FanfareError } from '../model/errors.ts'

/** Bounds on what one connection of the main port may cost. Names and defaults are the configuration's. */
export interface HttpLimits {
  readonly maxBodyBytes: number
  readonly maxHeaderBytes: number
  /** ms for a connection to begin its first request. */
  readonly handshakeTimeout: number
  /** ms for a request to arrive, from its first byte. */
  readonly headersTimeout: number
  /** ms a connection may rest between requests; 0 = any time. */
  readonly keepAliveTimeout: number
  /** ms for a request with its body to arrive. */
  readonly requestTimeout: number
  /** ms that a client may take nothing of what is unsent; 0 = any time. */
  readonly idleTimeout: number
}

export function tooLarge(maxBodyBytes: number): FanfareError {
  return new FanfareError('too_large', `A message has at most ${maxBodyBytes} bytes here.`)
}
