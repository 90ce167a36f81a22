import { FanfareError } from '../model/errors.ts'
import { BEFORE_ALL, type MessageId } from '../model/id.ts'
import type { Since } from './contract.ts'
import { ADOPT_FLOOR, type Start } from './follower.ts'

/**
 * Where a subscription to one log starts.
 * @param head the newest message announced
 * @throws FanfareError `bad_cursor` for a cursor of several partitions
 */
export function startOf(wanted: Since, head: MessageId): Start {
  const since = ofOneLog(wanted)
  switch (since.kind) {
    case 'now':
      return startAt(head)
    case 'all': {
      const { after = BEFORE_ALL } = since
      return startAt(after, after < head ? ADOPT_FLOOR : BEFORE_ALL)
    }
    case 'time':
      // A time to come is as good as now: nobody has anything from there.
      return startAt(Math.min(since.after, head) as MessageId)
    case 'id':
      return startAt(since.after)
    default:
      return since satisfies never
  }
}

function startAt(cursor: MessageId, told = BEFORE_ALL): Start {
  return { cursor, told, foreign: undefined }
}

/** @throws FanfareError `bad_cursor` for a cursor of several partitions */
export function ofOneLog(since: Since): Since<MessageId> {
  if (since.kind !== 'now' && typeof since.after === 'object') throw new FanfareError('bad_cursor')
  return since as Since<MessageId>
}
