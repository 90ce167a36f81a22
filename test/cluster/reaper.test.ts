import { expect, it } from 'vitest'
import { Reaper } from '../../src/cluster/reaper.ts'
import type { View } from '../../src/cluster/view.ts'
import { until } from '../support/wait.ts'

function reaper() {
  const log: string[] = []
  const errors: unknown[] = []
  const state = { fails: false }
  const work = async (what: string): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve))
    if (state.fails) throw new Error(`no ${what}`)
    log.push(what)
  }
  const one = new Reaper({
    reap: (node, life) => work(`reap ${node} ${life}`),
    restate: () => work('restate'),
    reaped: (node, life) => work(`reaped ${node} ${life}`),
    incarnation: 'me',
    report: (error) => errors.push(error),
  })
  return { one, log, errors, state }
}

function view(more: Partial<View> = {}): View {
  return {
    now: 0,
    lapsed: false,
    version: 0,
    round: 0,
    reaping: '',
    nodes: new Map(),
    places: [],
    reap: [],
    ...more,
  }
}

it('takes back what it is told to, and says so', async () => {
  const { one, log } = reaper()
  one.seen(view({ reap: [{ name: 'a', incarnation: '1' }] }))
  one.seen(view())
  await until(() => log.length === 2, 'it is done')
  expect(log).toEqual(['reap a 1', 'reaped a 1'])
})

it('tries again with the next beat', async () => {
  const { one, log, errors, state } = reaper()
  state.fails = true
  one.seen(view({ lapsed: true, reap: [{ name: 'a', incarnation: '1' }] }))
  await until(() => errors.length === 1, 'it fails')
  state.fails = false
  one.seen(view())
  await until(() => log.length === 3, 'it works')
  expect(log).toEqual(['restate', 'reap a 1', 'reaped a 1'])
})

it('states anew what others have dropped: when it is back, and when they have finished', async () => {
  const { one, log } = reaper()
  one.seen(view({ reaping: 'former 3 done b x' }))
  one.seen(view({ lapsed: true, reaping: 'me 4 running b x' }))
  await until(() => log.length === 1, 'it is back')
  one.seen(view({ reaping: 'me 4 running b x' }))
  one.seen(view({ reaping: 'me 5 done b x' }))
  await until(() => log.length === 2, 'they have finished')
  one.seen(view({ reaping: 'me 5 done b x' }))
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(log).toEqual(['restate', 'restate'])
})

it('says nothing of what fails once the node is going, and begins nothing any more', async () => {
  const { one, log, errors, state } = reaper()
  state.fails = true
  one.seen(view({ lapsed: true }))
  one.end()
  one.seen(view({ lapsed: true }))
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect({ log, errors }).toEqual({ log: [], errors: [] })
})
