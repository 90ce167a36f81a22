import { FanfareError } from '../model/errors.ts'
import { percentDecode } from '../model/channel.ts'

/** What somebody shows to say who it is. */
export interface Credential {
  /** A key or a token, one character a byte. */
  readonly secret: string
  /** The name before the password, where there was one. */
  readonly user: string | undefined
  /** A browser sends it by itself, for whatever page: it does not tell that the page has it. */
  readonly ambient: boolean
}

/** Longer ones are none. */
const LONGEST = 16_384

const PARAMETER = 'access_token'

interface Asking {
  /** As sent, without the `?`. */
  readonly query?: string
  header(name: string): string | undefined
}

/** Whether there may be a key in a query: its name may be written with escapes, as any other. */
export function mayShowKey(query: string): boolean {
  return query !== '' && (query.includes(PARAMETER) || query.includes('%'))
}

/**
 * What a request shows: `Authorization: Bearer`, `Basic` with the key as the password, or `access_token=` in the
 * query (RFC 6750, section 2).
 * @returns undefined when it shows nothing
 * @throws FanfareError `bad_request` for more than one, `not_authorized` for what is none
 */
export function credentialOf(request: Asking): Credential | undefined {
  const header = request.header('authorization')
  const { query = '' } = request
  const inQuery = mayShowKey(query) ? tokenIn(query) : undefined
  if (header === undefined) return inQuery === undefined ? undefined : shown(inQuery)
  if (inQuery !== undefined) {
    throw new FanfareError('bad_request', `Show a key once: in Authorization, or as ${PARAMETER}.`)
  }
  return readAuthorization(header)
}

/** Whether a request may show anything: it need not be read further otherwise. */
export function mayShow(request: Asking): boolean {
  return request.header('authorization') !== undefined || mayShowKey(request.query ?? '')
}

/** A browser remembers what is typed into its own dialogue, and only that. */
function shown(secret: string): Credential {
  if (secret === '' || secret.length > LONGEST) throw new FanfareError('not_authorized')
  return { secret, user: undefined, ambient: false }
}

function readAuthorization(header: string): Credential {
  const space = header.indexOf(' ')
  const scheme = (space === -1 ? header : header.slice(0, space)).toLowerCase()
  const rest = space === -1 ? '' : header.slice(space).trim()
  if (scheme === 'bearer') return shown(rest)
  if (scheme !== 'basic') {
    throw new FanfareError(
      'not_authorized',
      'Authorization is `Bearer KEY` here, or `Basic` with the key as the password.',
      'Behind a proxy that asks for passwords itself, have it leave the header out.',
    )
  }
  if (rest.length > LONGEST) throw new FanfareError('not_authorized')
  const pair = Buffer.from(rest, 'base64').toString('latin1')
  const colon = pair.indexOf(':')
  if (colon === -1) throw new FanfareError('not_authorized', 'Basic is a name, a colon, a key.')
  return { ...shown(pair.slice(colon + 1)), user: pair.slice(0, colon), ambient: true }
}

function tokenIn(query: string): string | undefined {
  const found: string[] = []
  for (const part of query.split('&')) {
    const equals = part.indexOf('=')
    const name = percentDecode(equals === -1 ? part : part.slice(0, equals))
    if (name === PARAMETER) found.push(equals === -1 ? '' : part.slice(equals + 1))
  }
  if (found.length > 1) throw new FanfareError('bad_request', `Show ${PARAMETER} once.`)
  const [text] = found
  return text === undefined ? undefined : (percentDecode(text.replaceAll('+', ' ')) ?? '')
}
