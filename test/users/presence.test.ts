import { describe, expect, it } from 'vitest'
import { Grants } from '../../src/access/grants.ts'
import { presenceChannel } from '../../src/users/presence.ts'
import { named, rig } from './rig.ts'

const ROOM = named('chat/room')

const event = (presence: string, user: string, count: number): unknown => ({
  presence,
  user,
  channel: 'chat/room',
  present: count,
})

/** A rig on which presence is told of `chat/`, and what was told of the room so far. */
function present(more = '') {
  const all = rig(`presence: [chat/], removeUserAfterDisconnectTimeOut: 20s${more}`)
  const told = async (): Promise<unknown[]> =>
    (await all.bodies(named('chat/room/@presence'))).map((body) => JSON.parse(body) as unknown)
  return { ...all, told }
}

describe('presence', () => {
  it('is told with a user’s first connection and its leaving, not with every one', async () => {
    const { users, connect, pass, told } = present()
    await users.subscribe('1', ROOM)
    expect(await told()).toEqual([])
    const a = await connect('1', 'a')
    const b = await connect('1', 'b')
    expect(await told()).toEqual([event('join', '1', 1)])
    expect(await users.presence.of(ROOM)).toEqual(['1'])
    a.left()
    b.left()
    await pass(19_999)
    expect(await told()).toHaveLength(1)
    await pass(1)
    expect(await told()).toEqual([event('join', '1', 1), event('leave', '1', 0)])
    expect(await users.presence.of(ROOM)).toEqual([])
  })

  it('is told when one who is there subscribes and unsubscribes', async () => {
    const { users, connect, told } = present()
    await connect('1', 'a')
    await connect('2', 'b')
    await users.subscribe('1', ROOM)
    await users.subscribe('2', ROOM)
    await users.unsubscribe('1', ROOM)
    expect(await told()).toEqual([
      event('join', '1', 1),
      event('join', '2', 2),
      event('leave', '1', 1),
    ])
  })

  it('is not told of one who was gone for a moment', async () => {
    const { users, connect, pass, told } = present()
    await users.subscribe('1', ROOM)
    const a = await connect('1', 'a')
    a.left()
    await pass(5_000)
    await connect('1', 'b')
    await pass(60_000)
    expect(await told()).toEqual([event('join', '1', 1)])
  })

  it('is told at once of one who is removed', async () => {
    const { users, connect, told } = present()
    await users.subscribe('1', ROOM)
    await connect('1', 'a')
    await users.remove('1')
    expect(await told()).toEqual([event('join', '1', 1), event('leave', '1', 0)])
  })

  it('is told of the channels that the configuration names alone', async () => {
    const { users, connect, bodies } = present()
    const other = named('news')
    await connect('1', 'a')
    await users.subscribe('1', other)
    expect(await users.presence.of(other)).toEqual([])
    expect(await bodies(named('news/@presence'))).toEqual([])
  })

  it('has no presence of its own', async () => {
    const { users, connect, bodies } = present()
    await connect('1', 'a')
    await users.subscribe('1', named('chat/room/@presence'))
    expect(await bodies(named('chat/room/@presence/@presence'))).toEqual([])
  })

  it('is nobody’s to publish', () => {
    const rules = {
      publish: ['chat/*'],
      subscribe: ['/'],
      history: [],
      presence: [],
      manage: false,
    }
    const grants = new Grants('test', rules)
    expect(grants.publish.allow(ROOM, '1')).toBe(true)
    expect(grants.publish.allow(named('chat/room/@presence'), '1')).toBe(false)
    expect(grants.subscribe.allow(named('chat/room/@presence'), '1')).toBe(true)
  })

  it('is known without being told where the name has no room for it', async () => {
    const { users, connect } = present()
    const long = named(`chat/${'x'.repeat(507)}`)
    await connect('1', 'a')
    await users.subscribe('1', long)
    expect(presenceChannel(long)).toBeUndefined()
    expect(await users.presence.of(long)).toEqual(['1'])
  })
})
