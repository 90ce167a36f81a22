import { expect, it } from 'vitest'
import { randomName } from '../../src/net/random-name.ts'

it('gives names of that many bytes, never the same twice, beyond what is fetched at once', () => {
  const names = Array.from({ length: 2_000 }, () => randomName(15))

  expect(new Set(names).size).toBe(2_000)
  for (const name of names) expect(name).toMatch(/^[\w-]{20}$/)
  expect(randomName(12)).toHaveLength(16)
})
