import { expect, it } from 'vitest'
import { fanOutCost } from '../../bench/hub/fan-out.ts'

/**
 * Far above what the hub needs (a message and its bytes, shared by all), and below what the smallest
 * object for each subscriber would take.
 */
const BYTES = 16

it('a delivery allocates nothing of its own', () => {
  const cost = fanOutCost({ sinks: 10_000, turns: 51 })
  expect(cost.deliveries).toBe(510_000)
  expect(cost.bytesPerDelivery).toBeLessThan(BYTES)
})

it('a subscriber that allocates for each delivery is noticed', () => {
  const kept: object[] = []
  const write = (bytes: Buffer): void => {
    kept[kept.length % 100] = { bytes, at: kept.length }
  }
  const cost = fanOutCost({ sinks: 10_000, turns: 51, write })
  expect(cost.bytesPerDelivery).toBeGreaterThan(BYTES)
})
