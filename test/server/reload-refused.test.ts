import { describe, expect, it } from 'vitest'
import { request } from '../support/raw.ts'
import { startServer } from '../support/server.ts'
import { DOORS, everyDoor, portOf, redis, tellAll } from './live-clients.ts'
import { post, reload, takenPort, temporaryFolder } from './reload-support.ts'

const memoryAnd = (rest: string): string => `store: { default: { type: memory }${rest} }`

describe('a configuration that cannot hold', () => {
  it.each(['feed', 'redis', 'management', 'fanout', 'sparkleshare'])(
    'for a port of %s that is taken changes nothing',
    async (door) => {
      const started = await startServer(`${DOORS}management: { port: 0 }`)
      const clients = await everyDoor(started)
      const places = started.server.places.map(({ where }) => where)
      const port = await takenPort()
      const bad = `${DOORS}management: { port: 0 }`.replace(
        `${door}: { port: 0`,
        `${door}: { port: ${port}`,
      )
      const yaml = `${bad}\nlimits: { maxBodyBytes: 1KiB }\ntrustedPeers: [10.0.0.1]`
      await expect(reload(started, yaml)).rejects.toMatchObject({
        code: 'bad_config',
        message: `${door}: something else listens on 127.0.0.1:${port} already. Nothing has changed.`,
      })
      expect(started.server.places.map(({ where }) => where)).toEqual(places)
      expect(started.server.config.limits.maxBodyBytes).toBe(8 * 2 ** 20)
      expect(await post(started.port, 'x'.repeat(2_000))).toBe(201)
      await tellAll(
        started,
        clients.filter((client) => client.door !== 'relay'),
        'still there',
      )
      // The former ports are taken over by nobody.
      expect(await reload(started, `${DOORS}management: { port: 0 }`)).toEqual({
        changed: [],
        restarted: [],
        later: [],
      })
      await tellAll(
        started,
        [
          await redis(started).then(async (client) => {
            await client.hears('subscribe')
            return client
          }),
        ],
        'as before',
      )
    },
  )

  it('for the main port changes nothing', async () => {
    const started = await startServer('')
    const port = await takenPort()
    await expect(reload(started, `port: ${port}\nmanagement: { port: 0 }`)).rejects.toThrow(
      `the main port: something else listens on 127.0.0.1:${port} already`,
    )
    expect(started.server.places.some(({ what }) => what === 'management')).toBe(false)
    expect(await post(started.port, 'x')).toBe(202)
  })

  it('for a store that cannot be opened changes nothing, and closes what was opened', async () => {
    const folder = temporaryFolder()
    const started = await startServer(memoryAnd(''))
    const held = await startServer(memoryAnd(`, a: { type: file, path: ${folder} }`))
    const bad = memoryAnd(
      `, z: { type: file, path: ${folder}-z }, a: { type: file, path: ${folder} }`,
    )
    await expect(reload(started, bad)).rejects.toMatchObject({
      code: 'bad_config',
      message: expect.stringContaining('store `a`'),
    })
    await held.server.stop()
    expect((await reload(started, bad)).changed).toEqual(['store.z', 'store.a'])
  })

  it('for a management port without a key that others can reach changes nothing', async () => {
    const started = await startServer(
      'management: { port: 0, address: 0.0.0.0, key: long-enough-to-be-one }',
    )
    await expect(reload(started, 'management: { port: 0, address: 0.0.0.0 }')).rejects.toThrow(
      'there is no `management.key`',
    )
    const reply = await request(portOf(started, 'management'), 'GET', '/user/listAll')
    expect(reply.status).toBe(401)
  })
})
