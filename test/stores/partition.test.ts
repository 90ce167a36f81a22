import { describe, expect, it } from 'vitest'
import { channelFromText, type ChannelName, privateName } from '../../src/model/channel.ts'
import { partitionOf } from '../../src/stores/partition.ts'

const name = (text: string): ChannelName => channelFromText(text) as ChannelName

describe('the partition of a channel', () => {
  it('is that of its first level, so that a subtree lies in one', () => {
    const whole = partitionOf(name('octocat'), 16)
    for (const text of ['octocat/', 'octocat/hello', 'octocat/hello/world', '/octocat/hello']) {
      expect(partitionOf(name(text), 16)).toBe(whole)
    }
    expect(partitionOf(name('//a'), 16)).toBe(partitionOf(name('//b'), 16))
  })

  it('never changes, whatever is released', () => {
    const texts = ['a', 'b', 'octocat', 'häuser/1', 'x/y', 'channel7', '0']
    expect(texts.map((text) => partitionOf(name(text), 16))).toEqual([3, 2, 8, 8, 12, 4, 1])
    expect(partitionOf(privateName('user', 'anna'), 16)).toBe(9)
  })

  it('of a private channel is that of its whole name: users are spread', () => {
    const users = Array.from({ length: 200 }, (_, n) => privateName('user', `u${n}`))
    expect(new Set(users.map((user) => partitionOf(user, 16))).size).toBe(16)
  })

  it.each([2, 3, 7, 16, 100])('of %i is as often one as another', (partitions) => {
    for (const spell of [(n: number) => `${n}`, (n: number) => `team-${n}/builds`]) {
      const counts = Array.from({ length: partitions }, () => 0)
      const channels = partitions * 1_000
      for (let n = 0; n < channels; n++) {
        const index = partitionOf(name(spell(n)), partitions)
        counts[index] = (counts[index] ?? 0) + 1
      }
      expect(Math.min(...counts)).toBeGreaterThan(850)
      expect(Math.max(...counts)).toBeLessThan(1_150)
    }
  })

  it('of one partition is that one', () => {
    expect(partitionOf(name('anything/at/all'), 1)).toBe(0)
  })
})
