import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { Access } from '../../access/access.ts'
import { type Caller, shownCaller } from '../../access/caller.ts'
import { credentialOf } from '../../access/credential.ts'
import { KEY_PREFIX } from '../../access/keys.ts'
import { shownAddress } from '../../access/peers.ts'
import type { HttpRequest } from '../../http/exchange.ts'
import { FanfareError } from '../../model/errors.ts'
import { chain, type MaybePromise } from '../../model/maybe.ts'
import type { ManagementConfig } from './config.ts'

const KEY_HELP =
  'Send `management.key`, or a key that may manage (`fanfare key create NAME --manage`), as `Authorization: ' +
  'Bearer KEY`, or as the password of http://:KEY@HOST.'

/**
 * Who may use the port. Its GETs change things, and a browser on a trusted machine sends GETs for any
 * page that asks: so requests that come from other pages, or under a name that anybody could have pointed
 * here, are refused before anything else is looked at.
 */
export class Guard {
  readonly #access: Access
  readonly #hosts: ReadonlySet<string>
  /** Of the key: comparing digests takes the same time whatever was sent. */
  readonly #digest: Buffer | undefined

  constructor({ key, hosts }: Pick<ManagementConfig, 'key' | 'hosts'>, access: Access) {
    this.#access = access
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
   * @returns who it is, where that may end while it goes on
   * @throws FanfareError `not_authorized` for what is shown and is not valid, or nothing where there is a key;
   * `forbidden` for a key that may not manage; `not_trusted` where there is none
   */
  mustCall(request: HttpRequest): MaybePromise<Caller | undefined> {
    const access = this.#access
    const credential = credentialOf(request)
    if (!credential) {
      if (this.#digest)
        throw new FanfareError('not_authorized', 'This port needs its key.', KEY_HELP)
      this.#mustBeTrusted(request)
      return undefined
    }
    const { secret } = credential
    if (this.#digest && timingSafeEqual(digestOf(Buffer.from(secret, 'latin1')), this.#digest)) {
      return undefined
    }
    if (this.#digest && !secret.startsWith(KEY_PREFIX) && !access.takesTokens) {
      throw new FanfareError('not_authorized', 'This is not the key.', KEY_HELP)
    }
    return chain(access.identifySecret(secret), (caller) => {
      if (caller.grants.manage) return caller
      throw new FanfareError('forbidden', `${shownCaller(caller)} may not manage.`, KEY_HELP)
    })
  }

  #mustBeTrusted(request: HttpRequest): void {
    const access = this.#access
    const client = access.clientOf(request)
    if (client !== undefined && access.trusts(client)) return
    throw new FanfareError(
      'not_trusted',
      client === undefined
        ? `Forwarded by ${request.peer}, which trustedProxies does not name or which does not say for whom.`
        : `trustedPeers does not name ${shownAddress(client) || 'this address'}.`,
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

function digestOf(key: string | Buffer): Buffer {
  return createHash('sha256').update(key).digest()
}
