import { describe, expect, it } from 'vitest'
import { Topics } from '../../../src/protocols/sparkleshare/zeromq/topics.ts'

function topics(...names: string[]): Topics {
  const found = new Topics(3)
  for (const name of names) found.add(name)
  return found
}

describe('how a channel is spelled for those subscribed', () => {
  it.each([
    [[], []],
    [['x'], ['x']],
    [['/x'], ['/x']],
    [
      ['x', '/x'],
      ['x', '/x'],
    ],
    [['/'], ['/x']],
    [[''], ['x']],
    [
      ['', '/'],
      ['x', '/x'],
    ],
    [['y', '/xy', 'xy'], []],
  ])('%j: x is told as %j', (names, spellings) => {
    expect(topics(...names).spellings('x')).toEqual(spellings)
  })

  it('a topic that has gone does not count', () => {
    const found = topics('x', '/x')
    found.remove('x')
    found.remove('never')
    expect(found.spellings('x')).toEqual(['/x'])
    expect(found.size).toBe(1)
  })

  it('beyond the bound both are told, until those have gone', () => {
    const found = topics('a', 'b', 'c', 'd')
    expect(found.size).toBe(4)
    expect(found.spellings('x')).toEqual(['x', '/x'])
    found.remove('d')
    expect(found.spellings('x')).toEqual([])
  })

  it('a topic longer than any name is not looked for', () => {
    const found = topics('x'.repeat(600))
    found.remove('x'.repeat(600))
    expect(found.size).toBe(0)
  })
})
