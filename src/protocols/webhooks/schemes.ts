import type { HttpRequest } from '../../http/exchange.ts'
import type { ForgeName, HookOptions, Secret, WebhooksOptions } from './config.ts'
import { all, hmac, HMAC_HEADERS, type Scheme, standard, token } from './signature.ts'
import { bitbucket } from './forges/bitbucket.ts'
import { gitea } from './forges/gitea.ts'
import { github } from './forges/github.ts'
import { gitlab } from './forges/gitlab.ts'

type Signature = NonNullable<HookOptions['signature']>

function listOf(secret: Secret): readonly string[] {
  return typeof secret === 'string' ? [secret] : secret
}

/**
 * How a forge's requests are signed, by what its part of the configuration says.
 * @throws Error for a signing token that is none
 */
export function forgeScheme(name: ForgeName, options: WebhooksOptions): Scheme | undefined {
  if (name === 'gitlab') {
    const own = options.gitlab
    if (own === false) return undefined
    const schemes: Scheme[] = []
    if (own.signing_token !== undefined) {
      const path = 'webhooks.gitlab.signing_token'
      schemes.push(standardAt(path, own.signing_token, options.tolerance))
    }
    if (own.token !== undefined) schemes.push(token(listOf(own.token)))
    return all(schemes)
  }
  const own = options[name]
  if (own === false || own.secret === undefined) return undefined
  return hmac(HMAC_HEADERS[name], listOf(own.secret))
}

interface HookScheme {
  readonly scheme: Scheme | undefined
  readonly deliveryOf: (request: HttpRequest) => string | undefined
}

/**
 * How the requests to a hook of one's own are signed, and what tells its deliveries apart.
 * @param path of the hook in the configuration
 * @throws Error naming the key that cannot be used
 */
export function hookScheme(path: string, own: HookOptions, options: WebhooksOptions): HookScheme {
  const { secret, signature } = own
  if (secret === undefined && signature !== undefined) {
    throw new Error(`${path}.signature: there is no \`secret\` that it could be made with`)
  }
  const kind = signature ?? 'standard'
  return {
    scheme: secret === undefined ? undefined : schemeOf(path, kind, secret, options.tolerance),
    deliveryOf: DELIVERIES[kind],
  }
}

function schemeOf(path: string, kind: Signature, secret: Secret, tolerance: number): Scheme {
  if (kind === 'standard') return standardAt(`${path}.secret`, secret, tolerance)
  if (kind === 'gitlab') return token(listOf(secret))
  return hmac(HMAC_HEADERS[kind], listOf(secret))
}

function standardAt(path: string, secret: Secret, tolerance: number): Scheme {
  try {
    return standard(listOf(secret), tolerance)
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : ''}`, { cause: error })
  }
}

/** What stays the same when a delivery is repeated, by how requests are signed. */
const DELIVERIES: Readonly<Record<Signature, HookScheme['deliveryOf']>> = {
  standard: (request) => request.header('webhook-id') ?? request.header('idempotency-key'),
  github: github.deliveryOf,
  gitlab: gitlab.deliveryOf,
  gitea: gitea.deliveryOf,
  bitbucket: bitbucket.deliveryOf,
}
