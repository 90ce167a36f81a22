/** Several servers on a real Redis, as nodes of one cluster. */
import { describe, expect, it } from 'vitest'
import { RawClient, request } from '../support/raw.ts'
import { until } from '../support/wait.ts'
import { startCluster, User } from './rig.ts'

describe('users', () => {
  it('are published to on any node, wherever they are connected', async () => {
    const { start } = await startCluster()
    const [a, b, c] = [await start('a'), await start('b'), await start('c')]
    await c.call('/auth/set', { userId: 1, sessionId: 'secret' })
    const users = [new User(a.node.server.url, 'secret'), new User(b.node.server.url, 'secret')]
    await Promise.all(users.map((user) => user.connected()))

    await c.call('/user/publish', { userId: 1, message: { text: 'hello' } })
    await c.call('/channel/subscribe', { userId: 1, channelId: 'news' })
    await c.call('/channel/publish', { channelId: 'news', message: 'to all' })

    for (const user of users) expect(await user.got(2)).toEqual([{ text: 'hello' }, 'to all'])
    const where = await c.call<string>('/user/getFrontendServer', { userId: 1 })
    expect([a.node.server.url, b.node.server.url]).toContain(where)
    const known = await c.call<{ node: string }[]>('/user/connections', { userId: 1 })
    expect(known.map(({ node }) => node).toSorted()).toEqual(['a', 'b'])
  })
})

describe('a node that is cut off', () => {
  it('loses its users’ connections to others’ knowledge, and states them anew when it is back', async () => {
    const { start, cable } = await startCluster()
    const cut = await cable()
    const users = 'users: { removeUserAfterDisconnectTimeOut: 60s }'
    const a = await start('a', { port: cut.port, yaml: users })
    const b = await start('b', { yaml: users })
    await b.call('/auth/set', { userId: 1, sessionId: 'secret' })
    const user = new User(a.node.server.url, 'secret')
    await user.connected()
    const known = (): Promise<{ node: string }[]> => b.call('/user/connections', { userId: 1 })
    expect((await known()).map(({ node }) => node)).toEqual(['a'])

    await cut.cut()
    const waits = async (count: number): Promise<void> => {
      for (let tries = 0; (await known()).length !== count; tries++) {
        if (tries > 500) throw new Error(`never ${count} connections`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    await waits(0)
    await b.call('/user/publish', { userId: 1, message: 'while it was away' })
    await cut.mend()
    await waits(1)
    expect(await user.got(1)).toEqual(['while it was away'])
    expect(user.socket.connected).toBe(true)
  })
})

describe('roles', () => {
  it('may live on machines of their own: connections here, management there', async () => {
    const { start } = await startCluster()
    const front = await start('front', { cluster: 'roles: [socketio, events, worker, management]' })
    const back = await start('back', {
      cluster: 'roles: [management, auth, user, channel, manager]',
    })
    await back.call('/auth/set', { userId: 7, sessionId: 's7' })
    const user = new User(front.node.server.url, 's7')
    await user.connected()
    await back.call('/user/publish', { userId: 7, message: 'hello' })
    expect(await user.got(1)).toEqual(['hello'])

    await until(
      () => front.node.view.nodes.get('back')?.info.port === back.admin,
      'front knows back',
    )
    const refused = await front.post('/user/publish', { userId: 7, message: 'hello' })
    expect(refused.status).toBe(421)
    expect(JSON.parse(refused.body.toString())).toMatchObject({
      error: {
        code: 'not_here',
        message: `Node front does not carry the service user; ask http://127.0.0.1:${back.admin}.`,
      },
    })
    const api = JSON.parse((await request(front.admin, 'GET', '/api')).body.toString()) as object
    expect(Object.keys(api)).toEqual(['worker'])
    const socketio = await request(
      back.node.server.address.port,
      'GET',
      '/socket.io/?EIO=4&transport=polling',
    )
    expect(socketio.status).toBe(404)
  })

  it('manager/status tells of every node what it carries, and how it is', async () => {
    const { start } = await startCluster()
    const a = await start('a', { cluster: 'roles: [management, manager, events]' })
    const b = await start('b', {
      cluster: 'roles: [management, relay], spare_for: [events], url: "https://b.example"',
    })
    await until(() => a.node.view.nodes.get('b')?.info.port === b.admin, 'a knows b')
    const status = await a.status
    expect(status['a']).toMatchObject({
      state: { up: true, downSince: null },
      config: { hostname: '127.0.0.1', port: a.admin },
      url: a.node.server.url,
      spareFor: [],
      isManager: true,
      configVersion: 0,
      configError: null,
    })
    expect(status['a']?.roles.toSorted()).toEqual(['events', 'management', 'manager'])
    expect(status['b']).toMatchObject({
      config: { hostname: '127.0.0.1', port: b.admin },
      url: 'https://b.example',
      spareFor: ['events'],
      isManager: false,
    })
    expect(status['b']?.age).toBeGreaterThanOrEqual(0)
    expect(status['b']?.load.memory).toBeGreaterThan(0)

    await b.node.stop()
    await until(() => a.node.view.nodes.get('b')?.up === false, 'a knows that b has left')
    const after = (await a.status)['b']
    expect(after?.state.up).toBe(false)
    expect(after?.state.downSince).toBeGreaterThan(Date.now() - 60_000)
    expect(after?.roles).toEqual([])
  })
})

describe('spares', () => {
  const redisDoor = 'redis: { port: 0 }'

  it('take over a door when its node leaves, and the node that is back stands by', async () => {
    const { start } = await startCluster()
    const a = await start('a', { cluster: 'roles: [redis, management, manager]', yaml: redisDoor })
    const s = await start('s', {
      cluster: 'roles: [management, manager], spare_for: [redis]',
      yaml: redisDoor,
    })
    expect(s.node.server.places.map(({ what }) => what)).not.toContain('redis')
    await a.node.stop()
    await until(() => s.node.roles.has('redis'), 's carries redis', 5_000)
    expect(s.reports).toContain('This node carries redis from now on.')
    const client = await RawClient.connect(portOf(s.node.server.places, 'redis'))
    client.send('PING\r\n')
    expect(await client.takeUntil('\r\n')).toBe('+PONG\r\n')

    const back = await start('a', {
      cluster: 'roles: [redis, management, manager]',
      yaml: redisDoor,
    })
    expect(back.node.roles.has('redis')).toBe(false)
    expect(back.node.server.places.map(({ what }) => what)).not.toContain('redis')
    await until(() => s.node.view.nodes.get('a')?.spareFor[0] === 'redis', 'a stands by')
    await s.node.stop()
    await until(() => back.node.roles.has('redis'), 'a carries redis again', 5_000)
  })

  it('take over from a node that is cut off, which stops listening and keeps its connections', async () => {
    const { start, cable } = await startCluster()
    const cut = await cable()
    const a = await start('a', {
      cluster: 'roles: [redis, feed, management]',
      yaml: `${redisDoor}\nfeed: { port: 0 }`,
      port: cut.port,
    })
    const s = await start('s', {
      cluster: 'roles: [management], spare_for: [redis]',
      yaml: redisDoor,
    })
    await until(() => a.node.view.nodes.get('s')?.spareFor[0] === 'redis', 'a knows of its spare')
    const port = portOf(a.node.server.places, 'redis')
    const client = await RawClient.connect(port)
    client.send('PING\r\n')
    await client.takeUntil('\r\n')

    const began = performance.now()
    await cut.cut()
    await until(() => s.node.roles.has('redis'), 's has taken over', 5_000)
    expect(performance.now() - began).toBeLessThan(5_000)
    await until(() => !a.node.roles.has('redis'), 'a has stopped claiming')
    expect(a.node.roles.has('feed')).toBe(true)
    expect(a.node.isManager).toBe(false)
    // Nobody new gets in; who is in, stays.
    await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED')
    client.send('PING\r\n')
    expect(await client.takeUntil('\r\n')).toBe('+PONG\r\n')

    await cut.mend()
    await client.until(() => client.ended).catch(() => {})
    await until(
      () => s.node.view.nodes.get('a')?.spareFor.includes('redis') === true,
      'a stands by',
    )
    expect(a.node.roles.has('redis')).toBe(false)
    expect(s.node.roles.has('redis')).toBe(true)
  })

  it('a node that was cut off and lost nothing goes on with the connections that it had', async () => {
    const { start, cable } = await startCluster()
    const [cut, cutSpare] = [await cable(), await cable()]
    const a = await start('a', {
      cluster: 'roles: [redis, management]',
      yaml: redisDoor,
      port: cut.port,
    })
    await start('s', {
      cluster: 'roles: [management], spare_for: [redis]',
      yaml: redisDoor,
      port: cutSpare.port,
    })
    await until(() => a.node.view.nodes.get('s')?.spareFor[0] === 'redis', 'a knows of its spare')
    const client = await RawClient.connect(portOf(a.node.server.places, 'redis'))
    await cutSpare.cut()
    await cut.cut()
    await until(() => !a.node.roles.has('redis'), 'a has stopped claiming')
    await cut.mend()
    await until(() => a.node.roles.has('redis'), 'a carries it again')
    client.send('PING\r\n')
    expect(await client.takeUntil('\r\n')).toBe('+PONG\r\n')
    const other = await RawClient.connect(portOf(a.node.server.places, 'redis'))
    other.send('PING\r\n')
    expect(await other.takeUntil('\r\n')).toBe('+PONG\r\n')
  })
})

function portOf(places: readonly { what: string; where: string }[], what: string): number {
  const where = places.find((place) => place.what === what)?.where ?? ''
  return Number(/:(?<port>\d+)(?:\/|$)/.exec(where)?.groups?.['port'])
}
