import { describe, expect, it } from 'vitest'
import { bytesOf, cutUp, fuzz, FuzzFailure, inputOf, must, type Target } from './engine.ts'
import { Random } from './random.ts'

const target = (check: Target['check']): Target => ({
  name: 'planted',
  reads: 'anything',
  holds: 'nothing',
  seeds: ['{"length": 5}'],
  tokens: ['{', '}', '"', ':'],
  check,
})

async function failureOf(check: Target['check'], from = 0): Promise<FuzzFailure> {
  const run = fuzz(target(check), { inputs: 20_000, seed: 7, from })
  const failure: unknown = await run.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(failure instanceof FuzzFailure)) throw new Error('the planted mistake was not found')
  return failure
}

function noTwice(input: string): void {
  must(!input.includes('::'), 'twice')
}

describe('the fuzzer', () => {
  it.each([
    ['a bound that is crossed', (input: string) => must(input.length < 200, 'too long')],
    ['a number that is too large', (input: string) => must(!/\d{12}/.test(input), 'too large')],
    ['depth', (input: string) => must(!input.includes('{{{{'), 'too deep')],
    ['a byte that no text has', (input: string) => must(!input.includes('\xff'), 'no text')],
    ['nothing at all', (input: string) => must(input !== '', 'empty')],
  ])('finds a planted mistake: %s', async (_, check) => {
    const { message } = await failureOf(check)

    expect(message).toContain('Again: npm run fuzz -- --only planted --seed 7')
  })

  it('finds a mistake that comes later, as a promise', async () => {
    const { message } = await failureOf((input) =>
      input.includes('}') ? Promise.reject(new Error('late')) : undefined,
    )

    expect(message).toContain('late')
  })

  it('shows the same input again by its number alone', async () => {
    const first = await failureOf(noTwice)
    const at = Number(/--from (\d+)/.exec(first.message)?.[1])

    const again = await failureOf(noTwice, at)

    expect(at).toBeGreaterThan(0)
    expect(again.message.split('\n').slice(0, 2)).toEqual(first.message.split('\n').slice(0, 2))
  })

  it('gives what is right, what is nearly right, and what is not', () => {
    const inputs = Array.from({ length: 2_000 }, (_, at) =>
      inputOf(
        target(() => {}),
        new Random(3, at),
      ),
    )
    const right = inputs.filter((input) => input.includes('"length"')).length

    expect(right).toBeGreaterThan(300)
    expect(right).toBeLessThan(1_900)
    expect(new Set(inputs).size).toBeGreaterThan(1_500)
  })

  it('cuts bytes without losing any', () => {
    for (let at = 0; at < 200; at++) {
      const random = new Random(5, at)
      const bytes = bytesOf(random.bytes(random.int(60)))
      const pieces = cutUp(bytes, random)
      expect(Buffer.concat(pieces)).toEqual(bytes)
      expect(pieces.every((piece) => piece.length > 0)).toBe(true)
    }
  })
})
