import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { ConfigError } from '../../src/config/index.ts'
import { IoClient } from '../protocols/socketio/io-client.ts'
import { startSparkleshare } from '../protocols/sparkleshare/sparkleshare-client.ts'
import { Push, Subscriber } from 'zeromq'
import { KeyFile } from '../access/keyed.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { startServer, testConfig } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { CHANNEL, portOf, redis, socketIo, sse, tellAll } from './live-clients.ts'
import { freePort, reload, temporaryFolder } from './reload-support.ts'

const memoryAnd = (rest: string): string => `store: { default: { type: memory }${rest} }`

it('users of a store that is replaced log in anew, by the new one', async () => {
  const memory = 'store: { type: memory }\nusers: { maxUsers: 9 }'
  const started = await startServer(memory)
  const { server } = started
  const [former, users] = [await socketIo(started), server.users]
  const applied = await reload(started, `store: { type: file, path: ${temporaryFolder()} }`)
  expect(applied.restarted).toEqual(['store.default', 'users', 'socketio'])
  await until(() => former.ended, 'the user is let go')
  expect(server.users).not.toBe(users)
  expect(server.users.config.maxUsers).toBe(100_000)
  const again = await socketIo(started)
  await until(() => server.hub().receivers(CHANNEL as never) === 1, 'it follows')
  await tellAll(started, [again], 'by the new one')
})

it('users of a store that did not change keep what they are', async () => {
  const started = await startServer(memoryAnd(''))
  const client = await socketIo(started)
  await until(() => started.server.hub().receivers(CHANNEL as never) === 1, 'it follows')
  const limits =
    'users: { maxConnections: 1, subscribe: [other/] }\nlimits: { maxSubscriptions: 3 }'
  await reload(started, `${memoryAnd(', b: { type: memory }')}\n${limits}`)
  expect(started.server.users.config.maxConnections).toBe(1)
  await tellAll(started, [client], 'as before')
  // The second connection of the same user is one too many by now.
  const auth = { session: 'session-of-ada' }
  const other = new IoClient(started.port, { reconnection: false, auth })
  await other.said('connect_error: A user has at most 1 connections.')
})

it('Socket.IO switched off lets its clients go, and on again takes them', async () => {
  const started = await startServer('')
  const client = await socketIo(started)
  expect((await reload(started, 'socketio: false')).changed).toEqual(['socketio'])
  await until(() => client.ended, 'it is let go')
  const path = '/socket.io/?EIO=4&transport=polling'
  expect((await request(started.port, 'GET', path)).status).toBe(404)
  await reload(started, '')
  expect((await request(started.port, 'GET', path)).status).toBe(200)
})

it('a door that is switched off takes no connections, and keeps those it has', async () => {
  const started = await startServer('redis: { port: 0 }')
  const port = portOf(started, 'redis')
  const client = await redis(started)
  await client.hears('subscribe')
  expect(await reload(started, '')).toEqual({ changed: ['redis'], restarted: [], later: [] })
  await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED')
  await tellAll(started, [client], 'still there')
  await started.server.stop()
  await until(() => client.ended, 'nothing is left open')
})

it('connections of a main port that was given up are closed with the server', async () => {
  const started = await startServer('')
  const stream = await sse(started)
  await until(() => started.server.hub().receivers(CHANNEL as never) === 1, 'it follows')
  const port = await freePort()
  await reload(started, `port: ${port}`)
  expect(started.server.connections).toBe(1)
  expect(started.server.url).toBe(`http://127.0.0.1:${port}`)
  await tellAll(started, [stream], 'still there')
  await started.server.stop()
  await until(() => stream.ended, 'nothing is left open')
})

it('what of a file store only a start can change is told', async () => {
  const path = temporaryFolder()
  const yaml = (rest: string): string => `store: { type: file, path: ${path}, ${rest} }`
  const started = await startServer(yaml('durability: os'))
  const stream = await sse(started)
  await until(() => started.server.hub().receivers(CHANNEL as never) === 1, 'it follows')
  const applied = await reload(started, yaml('durability: always, max_messages: 2'))
  expect(applied).toEqual({
    changed: ['store.default.max_messages'],
    restarted: [],
    later: ['store.default.durability'],
  })
  for (const body of ['a', 'b', 'c']) {
    await request(started.port, 'POST', '/publisher/live', {}, body)
  }
  expect(await started.server.hub().stat(CHANNEL as never)).toMatchObject({ messages: 2 })
  await tellAll(started, [stream], 'still there')
})

it('sockets of ZeroMQ are opened anew at the same ports, and their clients come back', async () => {
  const [broadcast, command] = [await freePort(), await freePort()]
  const ports = `zeromq: { broadcast: ${broadcast}, command: ${command}`
  const started = await startSparkleshare(`${ports} }`)
  const { server } = started
  const subscriber = new Subscriber({ reconnectInterval: 5, linger: 0 })
  onTestFinished(() => subscriber.close())
  subscriber.connect(`tcp://127.0.0.1:${broadcast}`)
  subscriber.subscribe('live')
  const follows = (): boolean => server.hub().receivers(CHANNEL as never) === 1
  await until(follows, 'it follows')
  // libzmq subscribes again while somebody waits for something.
  const received = subscriber.receive()
  const tcp = await RawClient.connect(started.tcp)
  tcp.send('{"repo": "live", "command": "register"}')
  await until(() => server.hub().receivers(CHANNEL as never) === 2, 'so does another, by TCP')

  const changed = `sparkleshare: { port: 0, ${ports}, receiveHighWaterMark: 7 } }`
  expect((await reload(started, changed)).restarted).toEqual(['sparkleshare'])
  await until(() => server.hub().receivers(CHANNEL as never) === 2, 'it has come back')
  await server.hub().publish({ channel: CHANNEL as never, body: Buffer.from('after it') })
  const [frame] = await received
  expect(String(frame)).toContain('live')
  await tcp.until(() => tcp.received.includes('new_version'))
})

it('ZeroMQ asks for keys from a reload on; a bad key of the server changes nothing', async () => {
  const [broadcast, command] = [await freePort(), await freePort()]
  const file = new KeyFile()
  const secret = file.make('tool', { publish: ['live'] })
  const yaml = (security: string, curveKey = 'unused'): string =>
    `sparkleshare: { port: 0, zeromq: { broadcast: ${broadcast}, command: ${command}, ` +
    `security: ${security}, curveKey: ${JSON.stringify(curveKey)} } }\n${file.yaml()}`
  const started = await startServer(yaml('none'))
  const greeted = async (shown: object): Promise<void> => {
    const socket = new Push({ linger: 0, reconnectInterval: 5, ...shown })
    onTestFinished(() => socket.close())
    const done = new Promise((then) => socket.events.on('handshake', then))
    socket.connect(`tcp://127.0.0.1:${command}`)
    await done
  }
  const plain = { plainUsername: 'tool', plainPassword: secret }
  await greeted({})
  expect((await reload(started, yaml('plain'))).restarted).toEqual(['sparkleshare'])
  await greeted(plain)
  await expect(reload(started, yaml('curve', file.path))).rejects.toThrow('40 characters of Z85')
  await greeted(plain)
  await reload(started, yaml('none'))
  await greeted({})
})

it('a UNIX socket changes hands as a port does', async () => {
  const path = join(temporaryFolder(), 'feed.sock')
  const yaml = (store: string): string =>
    `store: { default: { type: memory }, b: { type: memory } }\nfeed: { port: ${path}, store: ${store} }`
  const started = await startServer(yaml('default'))
  const follow = async (): Promise<string[]> => {
    const socket = connect({ path })
    onTestFinished(() => void socket.destroy())
    const heard: string[] = []
    socket.setEncoding('latin1').on('data', (text: string) => heard.push(text))
    socket.write(requestBytes('GET', `/${CHANNEL}`))
    await until(() => heard.length > 0, 'it follows')
    return heard
  }
  const { server } = started
  const before = await follow()
  expect((await reload(started, yaml('b'))).restarted).toEqual(['feed'])
  const after = await follow()
  await server.hub('b').publish({ channel: CHANNEL as never, body: Buffer.from('"to b"') })
  await server.hub().publish({ channel: CHANNEL as never, body: Buffer.from('"to a"') })
  await until(
    () => after.join('').includes('to b') && before.join('').includes('to a'),
    'both hear',
  )
  expect(after.join('')).not.toContain('to a')
})

it('changes are made one after the other', async () => {
  const started = await startServer('')
  const { server } = started
  const bodies = ['1KiB', '2KiB', '3KiB'].map((size) =>
    testConfig(`limits: { maxBodyBytes: ${size} }\nredis: { port: 0 }`),
  )
  const applied = await Promise.all(bodies.map((config) => server.apply(config)))
  expect(applied.map(({ changed }) => changed)).toEqual([
    ['limits.maxBodyBytes', 'redis'],
    ['limits.maxBodyBytes'],
    ['limits.maxBodyBytes'],
  ])
  expect(server.config.limits.maxBodyBytes).toBe(3 * 2 ** 10)
})

it('a server that has stopped takes no configuration', async () => {
  const started = await startServer('')
  await started.server.stop()
  await expect(reload(started, 'redis: { port: 0 }')).rejects.toThrow('The server is stopping')
})

it('worker/reload reads the configuration again, and tells all that is wrong with it', async () => {
  let yaml = 'limits: { maxBodyBytes: 1KiB }'
  const management = 'management: { port: 0 }'
  const started = await startServer(management, {
    reload: async () => testConfig(`${management}\n${yaml}`),
  })
  const call = async (method: string, body = '{}'): Promise<{ status: number; body: string }> => {
    const headers = { 'Content-Type': 'application/json' }
    const reply = await request(portOf(started, 'management'), 'POST', method, headers, body)
    return { status: reply.status, body: reply.body.toString() }
  }
  expect(await call('/worker/reload')).toMatchObject({ status: 200 })
  expect(started.server.config.limits.maxBodyBytes).toBe(2 ** 10)
  yaml = 'limits: { maxBodyBytes: none }\nlimit: 3'
  const refused = await call('/worker/reload')
  expect(refused.status).toBe(400)
  expect(refused.body).toContain('bad_config')
  expect(refused.body).toMatch(/maxBodyBytes.*limit/)
  expect(started.server.config.limits.maxBodyBytes).toBe(2 ** 10)
  expect(() => testConfig(yaml)).toThrow(ConfigError)
})
