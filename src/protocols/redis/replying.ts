import type { MaybePromise } from '../../model/maybe.ts'
import type { Reply } from './command.ts'
import type { ReplyWriter } from './writer.ts'

/** Replies with a value: now when it is there, else when it comes. */
export function respond<T>(
  value: MaybePromise<T>,
  out: ReplyWriter,
  write: (out: ReplyWriter, value: T) => void,
): void | Promise<Reply> {
  if (value instanceof Promise) return value.then((found) => (later) => write(later, found))
  write(out, value)
}
