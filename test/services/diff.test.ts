import { expect, it } from 'vitest'
import { configDiff } from '../../src/services/run/diff.ts'

it('tells what came, went and changed, by key', () => {
  const before = { port: 80, limits: { heartbeat: '5s' }, feed: false, store: { type: 'memory' } }
  const after = { port: 81, limits: {}, feed: { port: 1 }, store: { type: 'memory' }, a: [1] }
  expect(configDiff(before, after)).toEqual([
    '~ port: 80 → 81',
    '- limits.heartbeat: "5s"',
    '~ feed: false → {"port":1}',
    '+ a: [1]',
  ])
  expect(configDiff(after, after)).toEqual([])
})

it('hides secrets, also in URLs, in maps and below secret keys', () => {
  const after = {
    management: { key: 'tell-nobody-1' },
    webhooks: {
      hooks: { own: { secret: ['tell-nobody-2'] } },
      github: { secret: 'tell-nobody-3' },
    },
    store: { type: 'redis', url: 'redis://me:tell-nobody-4@host' },
    users: { jwt: [{ secret: 'tell-nobody-5' }] },
  }
  const lines = [
    ...configDiff({}, after),
    ...configDiff(after, {}),
    ...configDiff({ users: 1, webhooks: 2 }, after),
  ]
  expect(lines).toContain('+ management.key: ***')
  expect(lines).toContain('+ store.url: "redis://***@host"')
  expect(lines.join('\n')).not.toContain('tell-nobody')
})

it('has bounds', () => {
  const many = Object.fromEntries(
    Array.from({ length: 500 }, (_, n) => [`key${n}`, 'x'.repeat(500)]),
  )
  const lines = configDiff({}, many)
  expect(lines).toHaveLength(201)
  expect(lines.at(-1)).toBe('… and 300 more')
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(200)
})
