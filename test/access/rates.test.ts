import { describe, expect, it } from 'vitest'
import { type PublishRates, Rates } from '../../src/access/rates.ts'
import { NO_REQUEST, errorReply } from '../../src/http/reply.ts'
import type { ChannelName } from '../../src/model/channel.ts'
import { RateError } from '../../src/model/errors.ts'
import { errorText } from '../../src/protocols/redis/errors.ts'
import { testConfig } from '../support/server.ts'

const CHANNEL = 'news' as ChannelName
const NONE: PublishRates = { perAddress: 0, perKey: 0, perChannel: 0, maxBuckets: 1000 }

/** How many of so many attempts at one moment go through. */
function through(rates: Rates, attempts: number, now: number, address = '192.0.2.1'): number {
  let count = 0
  for (let n = 0; n < attempts; n++) {
    try {
      rates.mustPublish(address, undefined, CHANNEL, now)
      count++
    } catch (error) {
      expect(error).toBeInstanceOf(RateError)
    }
  }
  return count
}

describe('a rate', () => {
  it('lets a burst through, and then so many in a time', () => {
    const rates = new Rates(() => ({ ...NONE, perAddress: '10/s burst 30' }))

    expect(through(rates, 100, 1_000)).toBe(30)
    expect(through(rates, 100, 1_500)).toBe(5)
    expect(through(rates, 100, 2_500)).toBe(10)
    expect(through(rates, 100, 60_000)).toBe(30)
  })

  it('allows as many at once as in its time unless it says more', () => {
    expect(through(new Rates(() => ({ ...NONE, perAddress: '5/m' })), 100, 0)).toBe(5)
    expect(through(new Rates(() => ({ ...NONE, perAddress: '7/h burst 2' })), 100, 0)).toBe(2)
  })

  it('says when there is room again', () => {
    const rates = new Rates(() => ({ ...NONE, perAddress: '2/m' }))
    through(rates, 2, 0)

    const error = refusal(() => rates.mustPublish('192.0.2.1', undefined, CHANNEL, 10_000))

    expect(error).toMatchObject({ code: 'too_many_requests', retryAfter: 20 })
    expect(error.message).toBe('One address may publish 2/m here. Try again in 20 s.')
    expect(through(rates, 5, 30_000)).toBe(1)
  })

  it('is of each address, of each key, and of all together for a channel', () => {
    const rates = new Rates(() => ({
      ...NONE,
      perAddress: '1/s',
      perKey: '2/s',
      perChannel: '3/s',
    }))
    const ok = (address: string, key?: string, channel = 'a'): boolean => {
      try {
        rates.mustPublish(address, key, channel as ChannelName, 0)
        return true
      } catch {
        return false
      }
    }

    expect([ok('10.0.0.1', 'k'), ok('10.0.0.1', 'k', 'b')]).toEqual([true, false])
    expect([ok('10.0.0.2', 'k'), ok('10.0.0.3', 'k')]).toEqual([true, false])
    expect([ok('10.0.0.3'), ok('10.0.0.4')]).toEqual([true, false])
    expect(ok('10.0.0.4', undefined, 'b')).toBe(true)
    expect([ok('2001:db8::1', undefined, 'c'), ok('2001:db8::2', undefined, 'c')]).toEqual([
      true,
      false,
    ])
  })

  it('takes nothing of any when one has no room', () => {
    const rates = new Rates(() => ({ ...NONE, perAddress: '5/s', perChannel: '1/s' }))
    const attempt = (channel: string): void =>
      rates.mustPublish('10.0.0.1', undefined, channel as ChannelName, 0)
    attempt('a')
    for (let n = 0; n < 10; n++) expect(() => attempt('a')).toThrow(RateError)

    for (const channel of ['b', 'c', 'd', 'e']) attempt(channel)
    expect(() => attempt('f')).toThrow('One address')
  })

  it('counts messages that go together; more than a burst is owed', () => {
    const rates = new Rates(() => ({ ...NONE, perChannel: '10/s' }))
    const attempt = (count: number, now: number): void =>
      rates.mustPublish('', undefined, CHANNEL, now, count)
    attempt(30, 0)
    expect(() => attempt(1, 2_000)).toThrow(RateError)
    attempt(1, 2_200)
  })

  it('may change at any time', () => {
    let now: PublishRates = NONE
    const rates = new Rates(() => now)
    expect(through(rates, 1000, 0)).toBe(1000)
    now = { ...NONE, perAddress: '3/s' }
    expect(through(rates, 1000, 1)).toBe(3)
    now = NONE
    expect(through(rates, 1000, 2)).toBe(1000)
  })
})

it('remembers so many and no more', () => {
  const rates = new Rates(() => ({ ...NONE, perAddress: '1/h', maxBuckets: 100 }))
  for (let n = 0; n < 10_000; n++) {
    rates.mustPublish(`10.0.${n >> 8}.${n & 255}`, undefined, CHANNEL, n)
  }
  expect(rates.size).toBe(100)
  expect(through(rates, 5, 10_000, '10.0.39.15')).toBe(0)
})

describe('the configuration', () => {
  it('has no rates unless it says so', () => {
    expect(testConfig('').limits.publishRate).toEqual({ ...NONE, maxBuckets: 100_000 })
  })

  it('takes them as text', () => {
    const { limits } = testConfig('limits: { publishRate: { perKey: 100/s burst 500 } }')
    expect(limits.publishRate.perKey).toBe('100/s burst 500')
  })

  it.each(['100', '100/d', '-1/s', 'burst 5', '1/s burst'])('refuses %j', (rate) => {
    expect(() => testConfig(`limits: { publishRate: { perKey: '${rate}' } }`)).toThrow()
  })
})

it('messages that go together are all taken, or none, whatever channels they go to', () => {
  const rates = new Rates(() => ({ ...NONE, perKey: '2/m', perChannel: '3/m', maxBuckets: 10 }))
  const channels = ['a', 'b', 'a', 'a', 'b'] as ChannelName[]
  expect(() => rates.mustPublishAll('', 'k', channels, 0)).not.toThrow()
  expect(() => rates.mustPublishAll('', 'other', ['a', 'c'] as ChannelName[], 0)).toThrow(RateError)
  // Nothing was taken by what was refused.
  expect(() => rates.mustPublishAll('', 'other', ['c', 'c', 'c'] as ChannelName[], 0)).not.toThrow()
  // Five were taken where two have room: three are owed, and one has to fit.
  expect(() => rates.mustPublish('', 'k', 'd' as ChannelName, 119_000)).toThrow(RateError)
  expect(() => rates.mustPublish('', 'k', 'd' as ChannelName, 121_000)).not.toThrow()
})

describe('what is too fast is told', () => {
  const error = new RateError(7, 'One key may publish 1/s here.')

  it('over HTTP, with Retry-After', () => {
    const text = errorReply(NO_REQUEST, error, false).toString()
    expect(text).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n/)
    expect(text).toContain('\r\nRetry-After: 7\r\n')
    expect(text).toContain('429 too_many_requests: One key may publish 1/s here. Try again in 7 s.')
  })

  it('on the redis door', () => {
    expect(errorText(error)).toBe('ERR One key may publish 1/s here. Try again in 7 s.')
  })
})

function refusal(attempt: () => void): RateError {
  try {
    attempt()
  } catch (error) {
    if (error instanceof RateError) return error
  }
  throw new Error('it was not refused')
}
