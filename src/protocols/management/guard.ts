import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { Trust } from '../../access/trust.ts'
import type { HttpRequest } from '../../http/exchange.ts'
import { FanfareError } from '../../model/errors.ts'
import type { ManagementConfig } from './config.ts'

const KEY_HELP =
  'Send `management.key` as `Authorization: Bearer KEY`, or as the password of http://:KEY@HOST.'

/**
 * Who may use the port. Its GETs change things, and a browser on a trusted machine sends GETs for any
 * page that asks: so requests that come from other pages, or under a name that anybody could have pointed
 * here, are refused before anything else is looked at.
 */
export class Guard {
  readonly #trust: Trust
  readonly #hosts: ReadonlySet<string>
  /** Of the key: comparing digests takes the same time whatever was sent. */
  readonly #digest: Buffer | undefined

  constructor({ key, hosts }: Pick<ManagementConfig, 'key' | 'hosts'>, trust: Trust) {
    this.#trust = trust
    this.#hosts = new Set(hosts.map((host) => host.toLowerCase()))
    this.#digest = key === undefined ? undefined : digestOf(key)
  }

  /**
   * What holds for every request, the console's page included.
   * @throws FanfareError `wrong_host`, `foreign_origin`
   */
  mustBeOwn(request: HttpRequest): void {
    const host = request.header('host')
    // No browser leaves it out.
    if (host !== undefined && !this.#isOwnHost(host)) {
      throw new FanfareError(
        'wrong_host',
        `This port is not asked for as ${JSON.stringify(host.slice(0, 80))}.`,
      )
    }
    const origin = request.header('origin')
    const referer = request.header('referer')
    const site = request.header('sec-fetch-site')
    const foreign =
      (origin !== undefined && !isPageOf(origin, host)) ||
      (origin === undefined && referer !== undefined && !isPageOf(originOf(referer), host)) ||
      site === 'cross-site' ||
      site === 'same-site'
    if (foreign && !opensPage(request)) {
      throw new FanfareError(
        'foreign_origin',
        'Pages of other origins may not use this port.',
        'Call it from a program, or from its own console.',
      )
    }
  }

  /**
   * What holds for every call.
   * @throws FanfareError `not_authorized` without the key; `not_trusted` where there is none
   */
  mustCall(request: HttpRequest): void {
    if (this.#digest) {
      const shown = keyIn(request.header('authorization'))
      if (shown !== undefined && timingSafeEqual(digestOf(shown), this.#digest)) return
      const detail = shown === undefined ? 'This port needs its key.' : 'This is not the key.'
      throw new FanfareError('not_authorized', detail, KEY_HELP)
    }
    const client = this.#trust.clientOf(request)
    if (client !== undefined && this.#trust.trusts(client)) return
    throw new FanfareError(
      'not_trusted',
      client === undefined
        ? `Forwarded by ${request.peer}, which trustedProxies does not name or which does not say for whom.`
        : `trustedPeers does not name ${client || 'this address'}.`,
    )
  }

  #isOwnHost(host: string): boolean {
    const name = host
      .toLowerCase()
      .replace(/:\d{1,5}$/, '')
      .replace(/^\[(?<address>.*)\]$/, '$<address>')
    return (
      isIP(name) !== 0 ||
      name === 'localhost' ||
      name.endsWith('.localhost') ||
      this.#hosts.has(name)
    )
  }
}

/** A page is looked at, by a link from wherever: that calls nothing. */
function opensPage(request: HttpRequest): boolean {
  return (
    request.method === 'GET' &&
    request.path === '/' &&
    request.header('origin') === undefined &&
    // Browsers say these to addresses of this machine only.
    (request.header('sec-fetch-mode') ?? 'navigate') === 'navigate' &&
    (request.header('sec-fetch-dest') ?? 'document') === 'document'
  )
}

function isPageOf(origin: string, host: string | undefined): boolean {
  const match = /^https?:\/\/(?<host>[^/]+)$/i.exec(origin)
  return host !== undefined && match?.groups?.['host']?.toLowerCase() === host.toLowerCase()
}

function originOf(referer: string): string {
  return /^https?:\/\/[^/?#]*/i.exec(referer)?.[0] ?? referer
}

/** The bytes of the key as a token, or as a password: a URL can hold that. */
function keyIn(authorization: string | undefined): Buffer | undefined {
  const match = /^(?<scheme>[A-Za-z]+) +(?<rest>.+)$/.exec(authorization ?? '')
  const { scheme = '', rest = '' } = match?.groups ?? {}
  // A header is one byte a character.
  if (scheme.toLowerCase() === 'bearer') return Buffer.from(rest, 'latin1')
  if (scheme.toLowerCase() !== 'basic') return undefined
  const pair = Buffer.from(rest, 'base64')
  const colon = pair.indexOf(':')
  return colon === -1 ? undefined : pair.subarray(colon + 1)
}

function digestOf(key: string | Buffer): Buffer {
  return createHash('sha256').update(key).digest()
}
