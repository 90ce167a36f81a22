import { FanfareError } from '../../model/errors.ts'
import type { auth } from '../definitions/auth.ts'
import type { ServiceContext } from './context.ts'
import type { RunOf } from './values.ts'

const CANONICAL = /^(?:0|-?[1-9]\d{0,15})$/

export function authService({ users: { sessions } }: ServiceContext): RunOf<typeof auth> {
  return {
    set: async (user, session) => sessions.set(user, session),
    async check(session) {
      const user = await sessions.userOf(session)
      if (user === undefined) {
        throw new FanfareError(
          'not_authorized',
          'Authorization failed',
          'auth/set and auth/add register sessions.',
        )
      }
      return callersId(user)
    },
    async remove(user, session) {
      if (session === undefined) await sessions.removeAll(user)
      else await sessions.remove(user, session)
    },
    add: async (user, session, seconds) =>
      sessions.add(user, session, seconds === undefined ? undefined : ttlOf(seconds)),
    list: async (user) => sessions.list(user),
  }
}

/** The id of a user as callers know it: socket-push's were numbers. */
function callersId(user: string): number | string {
  return CANONICAL.test(user) && Number.isSafeInteger(Number(user)) ? Number(user) : user
}

/** @throws FanfareError `bad_argument` */
function ttlOf(seconds: number): number {
  if (seconds > 0) return seconds * 1000
  throw new FanfareError('bad_argument', 'seconds: 1 or more, or left out.')
}
