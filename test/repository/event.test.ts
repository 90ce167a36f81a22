import { describe, expect, it } from 'vitest'
import { channelFromText } from '../../src/model/channel.ts'
import { draftOf } from '../../src/repository/event.ts'

const CHANNEL = channelFromText('json') ?? expect.fail()
const [OLD, NEW, NONE] = ['1', '2', '0'].map((digit) => digit.repeat(40))

function draft(commit: object): ReturnType<typeof draftOf> {
  return draftOf(CHANNEL, JSON.stringify({ commit }))
}

describe('an event as a message', () => {
  it('is a line for people, the JSON for programs, and a key that decides', () => {
    const commit = { project: 'p', ref: 'r', hash: NEW, author: 'Ada', log: 'One\n\nTwo' }
    expect(draft(commit)).toEqual({
      channel: 'json',
      body: Buffer.from('Ada committed to p: One'),
      contentType: 'text/plain; charset=utf-8',
      data: JSON.stringify({ commit }),
      attributes: { kind: 'commit', revision: NEW, ref: 'r' },
      key: JSON.stringify(['p', 'r', NEW]),
      keyDecides: true,
    })
  })

  it('has another key for each thing that happens to a ref', () => {
    const base = { repository: 'git-prop-edit', project: 'p', ref: 'r', old: OLD, new: NEW }
    const keys = [base, { ...base, action: 'rewritten' }, { ...base, action: 'summary' }]
    expect(new Set(keys.map((commit) => draft(commit).key)).size).toBe(3)
  })

  it('has the revision that a deleted ref had', () => {
    const commit = { repository: 'git-prop-edit', project: 'p', ref: 'r', old: OLD, new: NONE }
    expect(draft(commit).attributes).toEqual({ kind: 'ref', revision: OLD, ref: 'r' })
  })

  it('has no key where it does not say what it is about', () => {
    expect(draft({ log: 'x' })).not.toHaveProperty('key')
    expect(draft({ log: 'x' })).not.toHaveProperty('keyDecides')
  })

  it('is a commit', () => {
    expect(() => draftOf(CHANNEL, '{"a":1}')).toThrow(TypeError)
    expect(() => draftOf(CHANNEL, 'x')).toThrow(SyntaxError)
  })
})
