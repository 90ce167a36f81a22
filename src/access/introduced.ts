import { FanfareError } from '../model/errors.ts'
import { chain, type MaybePromise } from '../model/maybe.ts'
import type { Caller } from './caller.ts'
import { Grants, type Scopes, scopesFrom } from './grants.ts'
import type { Hook } from './hook.ts'
import type { Identities } from './identity.ts'
import { mustBeAllowed } from './refusals.ts'

/** The first second of the year 2100. */
const LONGEST_EXPIRY = 4_102_444_800
/** Whatever an answer leaves out of these is not allowed, once it says any. */
const SCOPES = ['publish', 'subscribe', 'history', 'presence']

/**
 * The operator's own program says who it is that connects.
 * @param caller as far as it is known without
 * @param headers of its request that the program is told
 * @throws FanfareError `not_authorized`; `access_unavailable`, also for an answer that cannot be understood
 */
export function introduced(
  caller: Caller,
  hook: Hook,
  headers: Readonly<Record<string, string | undefined>>,
  identities: Identities,
  onError: (error: unknown) => void,
): MaybePromise<Caller> {
  return chain(hook.ask('connect', { peer: caller.client ?? '', headers }), (verdict): Caller => {
    mustBeAllowed(verdict, 'not_authorized', 'This is nobody who may connect.')
    const answer = understood(verdict.said)
    if (!answer) {
      onError(new Error('access.hook: its answer to `connect` is not understood'))
      throw new FanfareError('access_unavailable')
    }
    const { foreign = false } = caller
    const { user, expires, scopes } = answer
    if (user !== undefined) {
      return { ...identities.user('hook', { user, expires, scopes }), foreign }
    }
    // Nobody in particular, who may do no more, and for no longer, than it said.
    const grants = scopes ? new Grants('access.hook', scopes) : caller.grants
    return { ...caller, expires, grants }
  })
}

interface Answer {
  readonly user: string | undefined
  /** In ms of Unix time. */
  readonly expires: number | undefined
  readonly scopes: Scopes | undefined
}

function understood(said: Readonly<Record<string, unknown>>): Answer | undefined {
  const { user, expires, ...rest } = said
  const hasScopes = SCOPES.some((name) => rest[name] !== undefined)
  const scopes = hasScopes ? scopesFrom({ ...rest, manage: false }) : undefined
  if (hasScopes && !scopes) return undefined
  if (user !== undefined && (typeof user !== 'string' || user === '')) return undefined
  const isTime = typeof expires === 'number' && expires < LONGEST_EXPIRY
  if (expires !== undefined && !isTime) return undefined
  return { user, expires: isTime ? expires * 1000 : undefined, scopes }
}
