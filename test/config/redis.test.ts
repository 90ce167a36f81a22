import { describe, expect, it } from 'vitest'
import { load, mistake } from './fixture.ts'

const stored = (options: string): unknown =>
  load(`store: { type: redis, ${options} }`).config.stores['default']

describe('how a Redis is reached', () => {
  it.each([
    ['tls: true', { tls: true }],
    ['tls: { ca: /ca.pem }', { tls: { ca: '/ca.pem' } }],
    ["cluster: ['a:1', '[::1]:2']", { cluster: ['a:1', '[::1]:2'], partitions: 16 }],
    ['url: rediss://user:word@host:6380/2', { url: 'rediss://user:word@host:6380/2' }],
  ])('may be said by %s', (options, resolved) => {
    expect(stored(options)).toMatchObject(resolved)
  })

  it.each([
    [
      "cluster: ['a:1'], url: 'redis://b'",
      '`cluster` and `url` both say where Redis is; leave one of them out',
    ],
    [
      "cluster: ['a:1'], sentinels: ['b:1']",
      '`cluster` and `sentinels` both say where Redis is; leave one of them out',
    ],
    [
      "cluster: ['a:1'], database: 1",
      'a Redis Cluster has no database but 0; leave `database` out',
    ],
    [
      "cluster: ['a:1'], key_prefix: '{x}'",
      'with `cluster`, `key_prefix` has no `{`: it would send all keys to one node',
    ],
    [
      "url: 'redis://b', sentinels: ['b:1']",
      '`url` and `sentinels` both say where Redis is; leave one of them out',
    ],
    ["url: 'redis://:secret@b:x'", '`url` is no URL, such as `redis://redis.example:6379/0`'],
    [
      "url: 'redis://b/main'",
      'behind the host of `url` there may only be the number of a database, such as `/0`',
    ],
    ['tls: { cert: /a.pem }', '`tls.cert` and `tls.key` belong together; one of them is missing'],
  ])('is not said well by %s', (options, words) => {
    expect(mistake(`store: { type: redis, ${options} }`)).toBe(`1:1 store: ${words}`)
  })

  it('a mistake names the store that has it', () => {
    const text =
      "store:\n  default: { type: memory }\n  far: { type: redis, cluster: ['a:1'], database: 1 }"
    expect(mistake(text)).toMatch(/store\.far: a Redis Cluster has no database/)
  })
})
