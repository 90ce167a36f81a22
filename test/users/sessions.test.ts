import { describe, expect, it } from 'vitest'
import { rig } from './rig.ts'

describe('sessions', () => {
  it('set: the one session of a user', async () => {
    const { sessions } = rig().users
    await sessions.set('1', 'first')
    await sessions.set('1', 'second')
    expect(await sessions.userOf('first')).toBeUndefined()
    expect(await sessions.userOf('second')).toBe('1')
    expect(await sessions.list('1')).toHaveLength(1)
  })

  it('set again: the same session stays valid', async () => {
    const { sessions } = rig().users
    await sessions.set('1', 'test')
    await sessions.set('1', 'test')
    expect(await sessions.userOf('test')).toBe('1')
  })

  it('set for another user: it is that user’s from then on', async () => {
    const { sessions } = rig().users
    await sessions.set('1', 'test')
    await sessions.set('2', 'test')
    expect(await sessions.userOf('test')).toBe('2')
    expect(await sessions.list('1')).toEqual([])
    // The former owner has nothing to take away.
    expect(await sessions.remove('1', 'test')).toBe(false)
    await sessions.removeAll('1')
    expect(await sessions.userOf('test')).toBe('2')
  })

  it('add: several for one user, each removed by itself or all at once', async () => {
    const { sessions } = rig().users
    for (const session of ['a', 'b', 'c']) await sessions.add('1', session)
    expect(await sessions.remove('1', 'a')).toBe(true)
    expect(await sessions.userOf('a')).toBeUndefined()
    expect(await sessions.userOf('b')).toBe('1')
    await sessions.removeAll('1')
    expect(await sessions.userOf('c')).toBeUndefined()
    expect(await sessions.users()).toEqual([])
  })

  it('end with their time', async () => {
    const { users, pass } = rig()
    await users.sessions.add('1', 'test', 1_000)
    await pass(999)
    expect(await users.sessions.userOf('test')).toBe('1')
    await pass(1)
    expect(await users.sessions.userOf('test')).toBeUndefined()
    expect(await users.sessions.list('1')).toEqual([])
  })

  it('are bounded: the oldest of a user goes, and one that was renewed is not old', async () => {
    const { sessions } = rig('maxSessions: 2').users
    await sessions.add('1', 'a')
    await sessions.add('1', 'b')
    await sessions.add('1', 'a')
    await sessions.add('1', 'c')
    expect(await sessions.userOf('b')).toBeUndefined()
    expect(await sessions.userOf('a')).toBe('1')
    expect(await sessions.userOf('c')).toBe('1')
  })

  it('are bounded in users that have any', async () => {
    const { sessions } = rig('maxUsers: 1').users
    await sessions.set('1', 'a')
    await sessions.add('1', 'b')
    await expect(sessions.set('2', 'c')).rejects.toMatchObject({ code: 'too_many' })
    await sessions.removeAll('1')
    await sessions.set('2', 'c')
    expect(await sessions.userOf('c')).toBe('2')
  })

  it('whose time has run out leave room for others', async () => {
    const { users, pass } = rig('maxUsers: 2')
    await users.sessions.add('1', 'a', 1_000)
    await users.sessions.add('2', 'b', 1_000)
    await expect(users.sessions.set('3', 'c')).rejects.toMatchObject({ code: 'too_many' })
    await pass(1_000)
    await users.sessions.set('3', 'c')
    expect(await users.sessions.userOf('c')).toBe('3')
  })

  it('with a time do not pile up, however many come', async () => {
    const { users, facts, pass } = rig('maxSessions: 5')
    for (let n = 0; n < 2_000; n++) {
      await users.sessions.add(String(n % 10), `session ${n}`, 1_000)
      await pass(100)
    }
    // Ten are valid at any time, of two facts each.
    expect(facts.total).toBeLessThan(100)
  })

  it('are kept nowhere: only their digests', async () => {
    const { users, facts } = rig()
    await users.sessions.set('1', 'secret-session')
    const kept = [...facts.list('sessions', '1').keys(), ...facts.owners('session')]
    expect(kept).toHaveLength(2)
    expect(kept.join()).not.toContain('secret')
    expect(await users.sessions.userOf(kept[0] ?? '')).toBeUndefined()
  })
})
