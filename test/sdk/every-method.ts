import { expect } from 'vitest'

/** A call, and what it gives: a result, nothing (neither), or an error's code. */
export interface Expected {
  readonly call: readonly [service: string, method: string, args: readonly unknown[]]
  readonly result?: unknown
  readonly error?: string
}

/**
 * Every method of every service, in an order in which each finds what it needs. User 5 is connected, by a
 * connection with the id c1.
 */
export const EVERY_METHOD: readonly Expected[] = [
  { call: ['auth', 'set', [1, 'test']] },
  { call: ['auth', 'check', ['test']], result: 1 },
  { call: ['auth', 'add', ['mona', 'phone', 60]] },
  { call: ['auth', 'add', ['mona', 'desk']] },
  { call: ['auth', 'check', ['desk']], result: 'mona' },
  {
    call: ['auth', 'list', ['mona']],
    result: [
      { digest: expect.any(String), since: expect.any(Number) },
      { digest: expect.any(String), since: expect.any(Number) },
    ],
  },
  { call: ['auth', 'remove', ['mona', 'desk']] },
  { call: ['auth', 'check', ['desk']], error: 'not_authorized' },
  { call: ['auth', 'remove', ['mona']] },
  { call: ['auth', 'check', ['phone']], error: 'not_authorized' },
  { call: ['channel', 'subscribe', [5, 'news/a b']] },
  { call: ['channel', 'subscribe', [5, 'more']] },
  {
    call: ['channel', 'getSubscriptions', [5]],
    result: expect.arrayContaining(['more', 'news/a b']),
  },
  { call: ['channel', 'getSubscribers', ['news/a b']], result: ['5'] },
  { call: ['channel', 'presence', ['news/a b']], result: [] },
  { call: ['channel', 'publish', ['news/a b', { text: 'Grüße', n: [1, 2.5, null] }]] },
  {
    call: ['channel', 'history', ['news/a b', 10]],
    result: {
      messages: [
        expect.objectContaining({
          channel: 'news/a b',
          body: expect.stringContaining('"n":[1,2.5,null]'),
        }),
      ],
      gap: false,
    },
  },
  { call: ['channel', 'listAll', []], result: expect.arrayContaining(['news/a b', 'more']) },
  { call: ['channel', 'unsubscribe', [5, 'more']] },
  { call: ['channel', 'unsubscribeAll', [5]] },
  { call: ['channel', 'getSubscriptions', [5]], result: [] },
  { call: ['channel', 'remove', ['news/a b']] },
  { call: ['user', 'listAll', []], result: ['5'] },
  { call: ['user', 'publish', [5, 'a text']] },
  { call: ['user', 'publish', [6, { text: 'hello' }]], error: 'not_connected' },
  {
    call: ['user', 'getFrontendServer', [5]],
    result: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
  },
  {
    call: ['user', 'connections', [5]],
    result: [expect.objectContaining({ id: 'c1', user: '5', door: 'test', peer: '127.0.0.1' })],
  },
  { call: ['user', 'disconnect', ['nobody']], result: false },
  { call: ['user', 'disconnect', ['c1']], result: true },
  { call: ['user', 'remove', [5]] },
  {
    call: ['worker', 'status', []],
    result: expect.objectContaining({ pid: process.pid, connections: expect.any(Number) }),
  },
  { call: ['worker', 'reload', []], error: 'bad_config' },
  { call: ['worker', 'setConfig', [{ port: 8080 }]], error: 'bad_config' },
  {
    call: ['manager', 'status', []],
    result: {
      local: expect.objectContaining({
        state: { up: true, downSince: null },
        config: expect.any(Object),
        isManager: true,
      }),
    },
  },
  { call: ['manager', 'getConfig', ['local']], result: expect.any(Object) },
  { call: ['manager', 'getConfig', ['other']], error: 'unknown_node' },
  { call: ['manager', 'setConfig', [{ port: 8080 }, 'mona']], error: 'bad_config' },
  { call: ['manager', 'distributeConfig', []], result: { local: { version: 0, error: null } } },
  { call: ['manager', 'versions', [5]], result: [] },
]
