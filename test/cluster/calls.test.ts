/** Questions from node to node, over a medium that tells everything to all. */
import { describe, expect, it } from 'vitest'
import { Calls } from '../../src/cluster/calls.ts'
import { FanfareError } from '../../src/model/errors.ts'

function medium(names: readonly string[]) {
  const reported: unknown[] = []
  const all: Calls[] = []
  const said: string[] = []
  const say = async (words: string): Promise<void> => {
    said.push(words)
    for (const one of all) one.heard(words)
  }
  for (const name of names) {
    const handlers = {
      double: async (n: unknown) => `${name}: ${Number(n) * 2}`,
      refuse: () => Promise.reject(new FanfareError('bad_config', 'It is bad.', 'Mend it.')),
      fail: () => Promise.reject(new Error('a secret of the inside')),
      never: () => new Promise(() => {}),
    }
    all.push(new Calls(name, say, handlers, (error) => reported.push(error)))
  }
  return { all: all as [Calls, Calls, Calls], reported, said }
}

describe('calls', () => {
  it('are answered by the one that is asked, and by no other', async () => {
    const { all, said } = medium(['a 1', 'b 1', 'a 2'])
    expect(await all[0].ask('a 2', 'double', 4, 1_000)).toBe('a 2: 8')
    expect(await all[0].ask('a 1', 'double', 5, 1_000)).toBe('a 1: 10')
    expect(said).toHaveLength(4)
  })

  it('fail as the other one failed, and tell nothing of its inside', async () => {
    const { all, reported } = medium(['a', 'b', 'c'])
    const refused = all[0].ask('b', 'refuse', null, 1_000)
    await expect(refused).rejects.toMatchObject({
      code: 'bad_config',
      message: 'It is bad.',
      help: 'Mend it.',
    })
    await expect(all[0].ask('b', 'fail', null, 1_000)).rejects.toMatchObject({ code: 'internal' })
    await expect(all[0].ask('b', 'nothing', null, 1_000)).rejects.toThrow('knows no nothing')
    expect(reported).toEqual([new Error('a secret of the inside')])
  })

  it('end when no answer comes, and are bounded', async () => {
    const { all } = medium(['a', 'b', 'c'])
    await expect(all[0].ask('b', 'never', null, 10)).rejects.toThrow('Node b did not answer')
    await expect(all[0].ask('gone 7', 'double', 1, 10)).rejects.toThrow('Node gone did not answer')
    const many = Array.from({ length: 101 }, () => all[0].ask('b', 'never', null, 200))
    const results = await Promise.allSettled(many)
    const words = results.map((one) => (one.status === 'rejected' ? String(one.reason) : ''))
    expect(words.filter((text) => text.includes('waits for too many'))).toHaveLength(1)
  })

  it('survive what is no call', () => {
    const { all } = medium(['a', 'b', 'c'])
    for (const words of ['', '{', '[]', 'null', '{"to":"a","re":"x"}', '{"to":"a","id":1}', '1']) {
      expect(() => all[0].heard(words), words).not.toThrow()
    }
  })
})
