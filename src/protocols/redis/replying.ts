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

/** What comes of a value: now when it is there. */
export function chain<T, U>(
  value: MaybePromise<T>,
  then: (value: T) => MaybePromise<U>,
): MaybePromise<U> {
  return value instanceof Promise ? value.then(then) : then(value)
}

/** All of them, in order. */
export function all<T>(values: readonly MaybePromise<T>[]): MaybePromise<readonly T[]> {
  if (!values.some((value) => value instanceof Promise)) return values as readonly T[]
  return Promise.all(values)
}
