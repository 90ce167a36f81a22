import { describe, expect, it } from 'vitest'
import { LogHub } from '../../../src/hub/log-hub.ts'
import { channelFromText, type ChannelName } from '../../../src/model/channel.ts'
import { advanced, Overheard } from '../../../src/protocols/scan/overheard.ts'
import { draftOf } from '../../../src/repository/event.ts'
import { MemoryStore } from '../../../src/stores/memory.ts'

const NONE = '0'.repeat(40)
const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(40)) as [string, string, string]
const MAIN = 'refs/heads/main'
const CHANNEL = channelFromText('json') as ChannelName

describe('what others have announced', () => {
  it('is told once to whom it concerns, from the start on', async () => {
    const hub = new LogHub(new MemoryStore(), { soon: setImmediate })
    const announce = (commit: object): unknown =>
      hub.publish(draftOf(CHANNEL, JSON.stringify({ commit })))
    await announce({ project: 'p', ref: MAIN, hash: A, parents: [] })
    const overheard = new Overheard(hub, CHANNEL)
    await announce({ project: 'p', ref: MAIN, hash: B, parents: [A] })
    await announce({ project: 'q', ref: MAIN, hash: C, parents: [A] })
    await announce({ project: 'p', ref: 'refs/tags/é', old: NONE, new: B, action: 'created' })
    await announce({ project: 'p', ref: MAIN, hash: C })
    await hub.publish({ channel: CHANNEL, body: Buffer.from('no commit') })

    expect(await overheard.take('p')).toEqual([
      { project: 'p', ref: MAIN, from: [A], to: B },
      { project: 'p', ref: 'refs/tags/\xc3\xa9', from: [NONE], to: B },
    ])
    expect(await overheard.take('p')).toEqual([])
    expect(await overheard.take('q')).toHaveLength(1)
  })
})

describe('refs that are counted on', () => {
  const step = (from: string | string[], to: string, ref = MAIN) => ({
    project: 'p',
    ref,
    from: [from].flat(),
    to,
  })

  it.each([
    ['a commit', { [MAIN]: A }, [step(A, B)], { [MAIN]: B }],
    ['commit after commit', { [MAIN]: A }, [step(A, B), step(B, C)], { [MAIN]: C }],
    ['a merge', { [MAIN]: A }, [step([A, B], C)], { [MAIN]: C }],
    ['a new ref', {}, [step(NONE, A)], { [MAIN]: A }],
    ['a deletion', { [MAIN]: A }, [step(A, NONE)], {}],
    ['what does not continue what is known', { [MAIN]: A }, [step(B, C)], { [MAIN]: A }],
    ['a ref that is not known, but was to others', {}, [step(A, B)], {}],
  ])('take in %s', (_, known, steps, after) => {
    expect(advanced(new Map(Object.entries(known)), steps)).toEqual(new Map(Object.entries(after)))
  })
})
