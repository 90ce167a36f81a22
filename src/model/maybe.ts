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
