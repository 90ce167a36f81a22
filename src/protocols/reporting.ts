import { asFanfareError } from '../model/errors.ts'
import type { OnConnectionError } from '../net/contained.ts'
import type { DoorContext } from './door.ts'

/** How a door tells of what failed on a connection. */
export function connectionErrors(context: Pick<DoorContext, 'onError'>): OnConnectionError {
  return (error, peer = '') => context.onError(error, peer === '' ? undefined : { peer })
}

/** Tells of what a client is told as `internal`, which says that it stands in the log; of no mistake of its own. */
export function tellInternal(onError: OnConnectionError, error: unknown, peer: string): void {
  if (asFanfareError(error) !== error) onError(error, peer)
}
