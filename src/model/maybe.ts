/**
 * A value that is either there or to come. The memory store answers at once, Redis later; the
 * delivery path must not pay for a promise where there is nothing to wait for.
 */
export type MaybePromise<T> = T | Promise<T>

/** Calls `ok` or `fail` exactly once: now when the value is there, else when it comes. */
export function settle<T>(
  value: MaybePromise<T>,
  ok: (value: T) => void,
  fail: (error: unknown) => void,
): void {
  if (value instanceof Promise) value.then(ok, fail)
  else ok(value)
}

/** Runs `work` and settles its result, a synchronous throw included. */
export function attempt<T>(
  work: () => MaybePromise<T>,
  ok: (value: T) => void,
  fail: (error: unknown) => void,
): void {
  let value: MaybePromise<T>
  try {
    value = work()
  } catch (error) {
    fail(error)
    return
  }
  settle(value, ok, fail)
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
