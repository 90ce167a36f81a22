import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { HttpRequest } from '../../http/exchange.ts'
import { FanfareError } from '../../model/errors.ts'

/** How a hook knows that a request comes from somebody who knows its secret. */
export interface Scheme {
  /** @throws FanfareError `unauthorized`, which never says what would have been right */
  verify(request: HttpRequest): void
  /**
   * What the signature is good for once: nobody without the secret can make another request of it.
   * Undefined when it says nothing about the body.
   */
  print(request: HttpRequest): string | undefined
}

/** A header with a hexadecimal HMAC-SHA256 of the body. */
interface HmacHeader {
  readonly name: string
  readonly prefix: string
}

const HUB_256: HmacHeader = { name: 'X-Hub-Signature-256', prefix: 'sha256=' }

/** https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
const GITHUB = [HUB_256]

/** Whichever of its names the forge uses: Forgejo, Gitea and Gogs send those of the older ones too. */
const GITEA = [
  { name: 'X-Forgejo-Signature', prefix: '' },
  { name: 'X-Gitea-Signature', prefix: '' },
  { name: 'X-Gogs-Signature', prefix: '' },
  HUB_256,
]

/** Bitbucket's header of this name is no SHA-1, other than GitHub's. */
const BITBUCKET = [{ name: 'X-Hub-Signature', prefix: 'sha256=' }]

/** The schemes that are one HMAC of the whole body. */
export const HMAC_HEADERS = { github: GITHUB, gitea: GITEA, bitbucket: BITBUCKET } as const

/**
 * HMAC-SHA256 over the body, in hexadecimal. The first of the headers that is there counts: a bad one is
 * not put right by a good one further on.
 */
export function hmac(headers: readonly HmacHeader[], secrets: readonly string[]): Scheme {
  return {
    verify(request) {
      const sent = headers.find(({ name }) => request.header(name.toLowerCase()) !== undefined)
      if (!sent) throw unsigned(request, headers)
      const given = request.header(sent.name.toLowerCase()) ?? ''
      const match = secrets.map((secret) =>
        same(given, sent.prefix + createHmac('sha256', secret).update(request.body).digest('hex')),
      )
      if (!match.includes(true)) throw mismatch(sent.name)
    },
    print: (request) => createHash('sha256').update(request.body).digest('hex'),
  }
}

function unsigned(request: HttpRequest, headers: readonly HmacHeader[]): FanfareError {
  const names = headers.map(({ name }) => name).join(' or ')
  const old = request.header('x-hub-signature') !== undefined
  const hint = old ? '; X-Hub-Signature alone is not taken, for it is SHA-1' : ''
  return new FanfareError('unauthorized', `The request is not signed: ${names} is missing${hint}.`)
}

/** GitLab's secret token: the same text with every request. */
export function token(tokens: readonly string[]): Scheme {
  return {
    verify(request) {
      const given = request.header('x-gitlab-token')
      if (given === undefined) {
        throw new FanfareError('unauthorized', 'The header X-Gitlab-Token is missing.')
      }
      const match = tokens.map((text) => same(given, Buffer.from(text).toString('latin1')))
      if (!match.includes(true)) throw mismatch('X-Gitlab-Token')
    },
    print: () => undefined,
  }
}

const SECRET_PREFIX = 'whsec_'
/** While a secret is being changed there are two; nobody needs to make us compare thousands. */
const MAX_SIGNATURES = 16

/**
 * Standard Webhooks 1.0: `v1,<base64>` is the HMAC-SHA256 of `id.timestamp.body`; of several signatures
 * one must be right. https://github.com/standard-webhooks/standard-webhooks
 * @param secrets `whsec_` and base64, or base64 alone
 * @param tolerance how far the timestamp may be off, in ms
 * @throws TypeError when a secret is not base64
 */
export function standard(
  secrets: readonly string[],
  tolerance: number,
  now: () => number = Date.now,
): Scheme {
  const keys = secrets.map(keyOf)
  return {
    verify(request) {
      const [id, timestamp, signatures] = [
        needed(request, 'webhook-id'),
        needed(request, 'webhook-timestamp'),
        needed(request, 'webhook-signature'),
      ]
      checkTime(timestamp, tolerance, now())
      const match = keys.flatMap((key) => {
        const right = createHmac('sha256', key)
          .update(`${id}.${timestamp}.`, 'latin1')
          .update(request.body)
          .digest('base64')
        return signatures.split(' ', MAX_SIGNATURES).map((given) => same(given, `v1,${right}`))
      })
      if (!match.includes(true)) throw mismatch('webhook-signature')
    },
    // The id is signed, and stays the same when a delivery is repeated with a new time.
    print: (request) =>
      createHash('sha256')
        .update(`id ${request.header('webhook-id')}`, 'latin1')
        .digest('hex'),
  }
}

/** One after the other; each must agree. */
export function all(schemes: readonly Scheme[]): Scheme | undefined {
  if (schemes.length <= 1) return schemes[0]
  return {
    verify(request) {
      for (const scheme of schemes) scheme.verify(request)
    },
    print: (request) => schemes.map((scheme) => scheme.print(request)).find(Boolean),
  }
}

function keyOf(secret: string): Buffer {
  const base64 = secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    throw new TypeError(`a secret of Standard Webhooks is ${SECRET_PREFIX} and base64`)
  }
  return Buffer.from(base64, 'base64')
}

function checkTime(timestamp: string, tolerance: number, now: number): void {
  if (!/^\d{1,12}$/.test(timestamp)) {
    throw new FanfareError('unauthorized', 'webhook-timestamp is no number of seconds since 1970.')
  }
  const off = Number(timestamp) * 1000 - now
  if (Math.abs(off) <= tolerance) return
  const side = off < 0 ? 'past' : 'future'
  throw new FanfareError('unauthorized', `webhook-timestamp lies too far in the ${side}.`)
}

function needed(request: HttpRequest, name: string): string {
  const value = request.header(name)
  if (value !== undefined) return value
  throw new FanfareError('unauthorized', `The request is not signed: ${name} is missing.`)
}

function mismatch(name: string): FanfareError {
  return new FanfareError('unauthorized', `${name} does not match: is it the same secret?`)
}

/** Compares in a time that tells nothing, lengths included. @param given one character a byte */
function same(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'latin1').digest()
}
