import { describe, expect, it } from 'vitest'
import { json, named, rig, Told } from './rig.ts'

const NEWS = named('news')

describe('connections', () => {
  it('are any number, and known by user', async () => {
    const { users, connect } = rig()
    await connect('1', 'a')
    await connect('1', 'b')
    await connect('2', 'c')
    expect(await users.connected()).toEqual(['1', '2'])
    expect(await users.connectionsOf('1')).toMatchObject([
      { id: 'a', user: '1', door: 'test', node: 'here', url: 'http://here:8080' },
      { id: 'b', user: '1' },
    ])
  })

  it('go when they leave; a user without one is not connected', async () => {
    const { users, connect, pass } = rig()
    const a = await connect('1', 'a')
    const b = await connect('1', 'b')
    a.left()
    await pass(0)
    expect(await users.connectionsOf('1')).toMatchObject([{ id: 'b' }])
    b.left()
    b.left()
    await pass(0)
    expect(await users.connected()).toEqual([])
  })

  it('can be closed by their ids', async () => {
    const { users, connect } = rig()
    const a = await connect('1', 'a')
    expect(await users.disconnect('a')).toBe(true)
    expect(a.told.log).toEqual(['disconnect'])
    expect(await users.disconnect('other')).toBe(false)
  })

  it('of one user are bounded', async () => {
    const { connect, users } = rig('maxConnections: 2')
    const first = await connect('1', 'a')
    await connect('1', 'b')
    await expect(users.connect('1', new Told('c'))).rejects.toMatchObject({ code: 'too_many' })
    first.left()
    await connect('1', 'c')
    expect(await users.connectionsOf('1')).toHaveLength(2)
  })

  it('of all users are bounded, with those who are away for a moment', async () => {
    const { connect, users, pass } = rig('maxUsers: 2, removeUserAfterDisconnectTimeOut: 20s')
    const one = await connect('1', 'a')
    await connect('2', 'b')
    await expect(users.connect('3', new Told('c'))).rejects.toMatchObject({ code: 'too_many' })
    one.left()
    await pass(1_000)
    await expect(users.connect('3', new Told('c'))).rejects.toMatchObject({ code: 'too_many' })
    // Who is away may come back at any time.
    const back = await connect('1', 'd')
    back.left()
    await pass(20_000)
    await connect('3', 'c')
    expect(await users.connected()).toEqual(['2', '3'])
  })
})

it('a user who came back counts once', async () => {
  const { users, connect, pass } = rig('maxUsers: 3')
  const a = await connect('1', 'a')
  a.left()
  await pass(1_000)
  await connect('1', 'b')
  await connect('2', 'c')
  await connect('3', 'd')
  expect(await users.connected()).toEqual(['1', '2', '3'])
})

describe('a message to a user', () => {
  it('is stored once, however many connections there are', async () => {
    const { users, connect, sent } = rig()
    await connect('1', 'a')
    await connect('1', 'b')
    await users.publish('1', json({ n: 1 }))
    expect(await sent('1')).toEqual(['{"n":1}'])
  })

  it('is refused, and not stored, when the user is not there', async () => {
    const { users, sent } = rig()
    await expect(users.publish('1', json(1))).rejects.toMatchObject({
      code: 'not_connected',
      message: 'User not connected',
    })
    expect(await sent('1')).toEqual([])
  })

  it('is stored while the user may come back, and not a moment longer', async () => {
    const { users, connect, sent, pass } = rig('removeUserAfterDisconnectTimeOut: 20s')
    const a = await connect('1', 'a')
    a.left()
    await pass(19_999)
    await users.publish('1', json('in time'))
    await pass(1)
    await expect(users.publish('1', json('late'))).rejects.toMatchObject({ code: 'not_connected' })
    expect(await sent('1')).toEqual(['"in time"'])
  })

  it('is refused at once when the time is 0', async () => {
    const { users, connect, pass } = rig('removeUserAfterDisconnectTimeOut: 0')
    const a = await connect('1', 'a')
    await users.subscribe('1', NEWS)
    a.left()
    await pass(0)
    await expect(users.publish('1', json(1))).rejects.toMatchObject({ code: 'not_connected' })
    expect(await users.subscriptionsOf('1')).toEqual([])
  })
})

describe('subscriptions', () => {
  it('are the user’s: all its connections hear of them, and new ones begin with them', async () => {
    const { users, connect } = rig()
    const a = await connect('1', 'a')
    const other = await connect('2', 'b')
    await users.subscribe('1', NEWS)
    await users.subscribe('1', NEWS)
    const c = await connect('1', 'c')
    await users.unsubscribe('1', NEWS)
    await users.unsubscribe('1', NEWS)
    expect(a.told.log).toEqual(['+news', '-news'])
    expect(c.channels).toEqual([NEWS])
    expect(c.told.log).toEqual(['-news'])
    expect(other.told.log).toEqual([])
  })

  it('need no connection', async () => {
    const { users, pass } = rig()
    await users.subscribe('1', NEWS)
    await pass(60_000)
    expect(await users.subscribersOf(NEWS)).toEqual(['1'])
    expect(await users.channels()).toEqual([NEWS])
    await users.unsubscribeAll('1')
    expect(await users.channels()).toEqual([])
  })

  it('outlive the last connection for a while, and then end', async () => {
    const { users, connect, pass } = rig('removeUserAfterDisconnectTimeOut: 20s')
    const a = await connect('1', 'a')
    await users.subscribe('1', NEWS)
    a.left()
    await pass(19_999)
    expect(await users.subscriptionsOf('1')).toEqual([NEWS])
    await pass(1)
    expect(await users.subscriptionsOf('1')).toEqual([])
    expect(await users.subscribersOf(NEWS)).toEqual([])
  })

  it('go on when the user comes back in time, and its time begins anew with the next leaving', async () => {
    const { users, connect, pass } = rig('removeUserAfterDisconnectTimeOut: 20s')
    await users.subscribe('1', NEWS)
    const a = await connect('1', 'a')
    a.left()
    await pass(15_000)
    const b = await connect('1', 'b')
    await pass(15_000)
    expect(await users.subscriptionsOf('1')).toEqual([NEWS])
    b.left()
    await pass(15_000)
    expect(await users.subscriptionsOf('1')).toEqual([NEWS])
    await pass(5_000)
    expect(await users.subscriptionsOf('1')).toEqual([])
  })

  it('stay while another connection is there', async () => {
    const { users, connect, pass } = rig('removeUserAfterDisconnectTimeOut: 1s')
    const a = await connect('1', 'a')
    await connect('1', 'b')
    await users.subscribe('1', NEWS)
    a.left()
    await pass(10_000)
    expect(await users.subscriptionsOf('1')).toEqual([NEWS])
  })

  it('are bounded, for each user and in all', async () => {
    const { users } = rig('maxSubscriptions: 2, maxUsers: 2')
    await users.subscribe('1', named('a'))
    await users.subscribe('1', named('b'))
    await users.subscribe('1', named('b'))
    await expect(users.subscribe('1', named('c'))).rejects.toMatchObject({ code: 'too_many' })
    await users.subscribe('2', named('a'))
    await expect(users.subscribe('3', named('a'))).rejects.toMatchObject({ code: 'too_many' })
    expect(await users.subscribersOf(named('a'))).toEqual(['1', '2'])
  })
})

describe('removing a user', () => {
  it('forgets its connections, which stay open, and its subscriptions, at once', async () => {
    const { users, connect } = rig()
    const a = await connect('1', 'a')
    await users.subscribe('1', NEWS)
    await users.remove('1')
    expect(a.told.log).toEqual(['+news', 'removed'])
    expect(await users.connected()).toEqual([])
    expect(await users.subscriptionsOf('1')).toEqual([])
    expect(await users.disconnect('a')).toBe(false)
    await expect(users.publish('1', json(1))).rejects.toMatchObject({ code: 'not_connected' })
  })

  it('leaves its sessions, and lets it come back', async () => {
    const { users, connect, pass } = rig('removeUserAfterDisconnectTimeOut: 1s')
    await users.sessions.set('1', 'test')
    const a = await connect('1', 'a')
    await users.remove('1')
    expect(await users.sessions.userOf('test')).toBe('1')
    const b = await connect('1', 'b')
    await users.subscribe('1', NEWS)
    // The removed one leaves at last: that is nobody's leaving.
    a.left()
    await pass(5_000)
    expect(b.told.log).toEqual(['+news'])
    expect(await users.connectionsOf('1')).toMatchObject([{ id: 'b' }])
    expect(await users.subscriptionsOf('1')).toEqual([NEWS])
  })

  it('ends the time of one who is away', async () => {
    const { users, connect, pass } = rig()
    const a = await connect('1', 'a')
    a.left()
    await pass(1)
    await users.remove('1')
    expect(await users.isThere('1')).toBe(false)
  })

  it('of whom nothing is known does nothing, and lists nobody', async () => {
    const { users } = rig()
    await users.remove('77')
    expect(await users.connected()).toEqual([])
  })
})

it('a stopped server takes nothing back of what is known', async () => {
  const { users, connect, pass } = rig('removeUserAfterDisconnectTimeOut: 1s')
  const a = await connect('1', 'a')
  await users.subscribe('1', NEWS)
  users.stop()
  a.left()
  await pass(5_000)
  expect(await users.subscriptionsOf('1')).toEqual([NEWS])
  expect(await users.connectionsOf('1')).toHaveLength(1)
})
