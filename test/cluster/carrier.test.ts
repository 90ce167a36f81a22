import { describe, expect, it } from 'vitest'
import { Carrier } from '../../src/cluster/carrier.ts'
import type { NodeInfo, NodeView, View } from '../../src/cluster/view.ts'
import { until } from '../support/wait.ts'

function carrier(...roles: string[]) {
  const calls: [string[], boolean][] = []
  const reports: string[] = []
  const state = { fails: '' }
  const one = new Carrier(new Set(roles), {
    node: 'me',
    carry: async (wanted, park) => {
      await new Promise((resolve) => setImmediate(resolve))
      if (state.fails !== '') throw new Error(state.fails)
      calls.push([[...wanted].toSorted(), park])
    },
    changed: () => {},
    report: (text) => reports.push(text),
  })
  return { one, calls, reports, state, has: (): string[] => [...one.roles].toSorted() }
}

function viewOf(...nodes: [name: string, up: boolean, ...spareFor: string[]][]): View {
  const views = nodes.map(([name, up, ...spareFor]): [string, NodeView] => [
    name,
    { name, up, spareFor, incarnation: name, joined: 0, seen: 0, info: {} as NodeInfo },
  ])
  return {
    now: 0,
    lapsed: false,
    version: 0,
    round: 0,
    reaping: '',
    nodes: new Map(views),
    places: [],
    reap: [],
  }
}

describe('a node', () => {
  it('begins what it has come to hold, and ends what it holds no more', async () => {
    const { one, calls, reports, has } = carrier('a', 'b')
    one.holds(new Set(['b', 'c']))
    await until(() => has().join() === 'b,c', 'it carries others')
    expect(calls).toEqual([[['b', 'c'], false]])
    expect(reports).toEqual(['This node carries c from now on.', 'This node carries no more a.'])
  })

  it('that is cut off leaves only what a live node waits for', async () => {
    const { one, calls, has } = carrier('a', 'b', 'c')
    one.lost(viewOf(['me', true, 'c'], ['spare', true, 'a'], ['dead', false, 'b']))
    await until(() => has().join() === 'b,c', 'it leaves one')
    expect(calls).toEqual([[['b', 'c'], true]])
    // It turns out that this has been taken: those connections are ended now.
    one.holds(new Set(['b', 'c']))
    await until(() => calls.length === 2, 'it ends what it had kept')
    expect(calls[1]).toEqual([['b', 'c'], false])
  })

  it('goes the last way when things change while it is at work', async () => {
    const { one, calls, has } = carrier('a')
    one.holds(new Set(['b']))
    one.holds(new Set(['c']))
    one.holds(new Set(['a', 'd']))
    await until(() => has().join() === 'a,d', 'it has got there')
    expect(calls.length).toBeLessThanOrEqual(2)
  })

  it('tries again what failed, with the next beat, and says it once', async () => {
    const { one, reports, state, has } = carrier('a')
    state.fails = 'the port is taken'
    for (let beat = 0; beat < 3; beat++) {
      one.holds(new Set(['b']))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(has()).toEqual(['a'])
    expect(reports).toEqual(['This node cannot carry what it holds: the port is taken'])
    state.fails = ''
    one.holds(new Set(['b']))
    await until(() => has().join() === 'b', 'it works')
  })
})
