import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Wheel, type WheelItem } from '../../src/net/wheel.ts'

class Item implements WheelItem {
  wheelBucket = -1
  wheelIndex = -1
  readonly ticks: number[] = []
  onTick: () => void = () => {}

  tick(now: number): void {
    this.ticks.push(now)
    this.onTick()
  }
}

function items(wheel: Wheel, count: number): Item[] {
  const made = Array.from({ length: count }, () => new Item())
  for (const item of made) wheel.add(item)
  return made
}

function revolve(wheel: Wheel, buckets: number): void {
  for (let step = 0; step < buckets; step++) wheel.turn()
}

describe('a wheel', () => {
  it('visits everything once in a revolution, an even part of it at every step', () => {
    const wheel = new Wheel(1_000, 5)
    const all = items(wheel, 20)
    const ticks = (): number => all.reduce((sum, item) => sum + item.ticks.length, 0)

    for (let step = 1; step <= 5; step++) {
      wheel.turn()
      expect(ticks()).toBe(4 * step)
    }
    expect(all.map((item) => item.ticks.length)).toEqual(all.map(() => 1))
    revolve(wheel, 5)
    expect(all.map((item) => item.ticks.length)).toEqual(all.map(() => 2))
  })

  it('has a clock that goes with its steps, never back', () => {
    const wheel = new Wheel(1_000, 1)
    const [item] = items(wheel, 1) as [Item]
    const start = wheel.now
    for (let step = 0; step < 3; step++) {
      wheel.turn()
      expect(item.ticks.at(-1)).toBe(wheel.now)
    }
    expect(item.ticks).toEqual(item.ticks.toSorted((a, b) => a - b))
    expect(item.ticks[0]).toBeGreaterThanOrEqual(start)
  })

  it('turns by itself once started, at the interval it was given, until it is stopped', () => {
    vi.useFakeTimers()
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const wheel = new Wheel(100, 5)
    const [item] = items(wheel, 1) as [Item]
    vi.advanceTimersByTime(200)
    expect(item.ticks).toEqual([])

    wheel.start()
    wheel.start()
    const start = wheel.now
    vi.advanceTimersByTime(400)
    expect(item.ticks).toHaveLength(4)
    expect(wheel.now - start).toBeGreaterThanOrEqual(400)

    wheel.stop()
    vi.advanceTimersByTime(400)
    expect(item.ticks).toHaveLength(4)
  })

  it('forgets what is taken off, in any order', () => {
    const wheel = new Wheel(1_000, 3)
    const all = items(wheel, 30)
    const gone = all.filter((_, n) => n % 2 === 0 || n > 20)
    for (const item of gone.toReversed()) wheel.remove(item)
    expect(wheel.size).toBe(all.length - gone.length)

    revolve(wheel, 3)

    for (const item of all) expect(item.ticks).toHaveLength(gone.includes(item) ? 0 : 1)
  })

  it('takes no harm from taking off what is not on, or what is on another', () => {
    const wheel = new Wheel(1_000, 2)
    const all = items(wheel, 3)
    const [item] = all as [Item]
    const [foreign] = items(new Wheel(1_000, 2), 1) as [Item]
    wheel.remove(new Item())
    wheel.remove(foreign)
    wheel.remove(item)
    wheel.remove(item)
    expect(wheel.size).toBe(2)
    wheel.add(item)
    revolve(wheel, 2)
    expect(all.map(({ ticks }) => ticks.length)).toEqual([1, 1, 1])
  })

  describe('while it turns', () => {
    it('visits the others once when one takes itself off', () => {
      const wheel = new Wheel(1_000, 1)
      const all = items(wheel, 10)
      for (const item of all)
        if (all.indexOf(item) % 3 === 0) item.onTick = () => wheel.remove(item)
      wheel.turn()
      expect(all.map((item) => item.ticks.length)).toEqual(all.map(() => 1))
      expect(wheel.size).toBe(6)
      wheel.turn()
      expect(all.map((item) => item.ticks.length)).toEqual(all.map((_, n) => (n % 3 === 0 ? 1 : 2)))
    })

    it('visits nobody that another took off, and nobody twice', () => {
      const wheel = new Wheel(1_000, 1)
      const all = items(wheel, 10)
      const visited: number[] = []
      for (const [n, item] of all.entries()) {
        item.onTick = () => {
          visited.push(n)
          // The first that is visited takes off all but three.
          if (visited.length === 1) {
            const others = all.filter((other) => other !== item)
            for (const other of others.slice(0, 7)) wheel.remove(other)
          }
        }
      }
      wheel.turn()
      expect(new Set(visited).size).toBe(visited.length)
      expect(visited).toHaveLength(3)
      expect(wheel.size).toBe(3)
    })

    it('leaves what was just put on for the next time', () => {
      const wheel = new Wheel(1_000, 1)
      const [item] = items(wheel, 1) as [Item]
      const late = new Item()
      item.onTick = () => {
        if (late.wheelBucket === -1) wheel.add(late)
      }
      wheel.turn()
      expect(late.ticks).toHaveLength(0)
      wheel.turn()
      expect(late.ticks).toHaveLength(1)
    })
  })
})
