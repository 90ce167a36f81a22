/** SparkleShare's protocols and fanout: they have no way to resume, and that is said. */
import { describe, expect, it } from 'vitest'
import {
  type SparkleshareTest,
  startSparkleshare,
  ZEROMQ,
} from '../protocols/sparkleshare/sparkleshare-client.ts'
import { publish, publishTogether } from '../protocols/events/events-client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { fakeServer, saying } from './fake-server.ts'
import { Follower } from './follower.ts'
import { Proxy } from './proxy.ts'

/** Each door with the port that its URL names. */
const DOORS = [
  {
    scheme: 'tcp',
    start: async () => portOf(await startSparkleshare(), 'tcp'),
  },
  {
    scheme: 'zmq',
    start: async () => portOf(await startSparkleshare(ZEROMQ), 'broadcast'),
  },
  {
    scheme: 'fanout',
    start: async () => {
      const started = await startServer('fanout: { port: 0 }')
      const place = started.server.places.find(({ what }) => what === 'fanout')
      return { ...started, doorPort: Number(new URL(place?.where ?? '').port) }
    },
  },
] as const

function portOf(
  started: SparkleshareTest,
  which: 'tcp' | 'broadcast',
): TestServer & { doorPort: number } {
  return { ...started, doorPort: started[which] }
}

/** A message about a revision. */
const of = (revision: string) => ({ body: 'New', attributes: { revision } })

describe.each(DOORS)('following $scheme: URLs', ({ scheme, start }) => {
  it('shows what is published to the name in the path, and to no other', async () => {
    const { doorPort, port, server } = await start()
    const plain = new Follower(new URL(`${scheme}://127.0.0.1:${doorPort}/a/hällo`))
    await until(() => plain.count('connected') === 1, 'it is connected')
    const name = Buffer.from('a/hällo').toString('latin1')
    await until(() => server.hub().receivers(name as never) > 0, 'it is registered')
    await publishTogether(port, 'a/h%C3%A4llo2', [of('c0ffee1')])
    await publishTogether(port, 'a/h%C3%A4llo', [of('c0ffee2'), of('c0ffee3')])
    await until(() => plain.bodies.length === 2, 'both came')
    expect(plain.seen.slice(1)).toMatchObject([
      { kind: 'message', channel: 'a/hällo', body: 'c0ffee2' },
      { kind: 'message', channel: 'a/hällo', body: 'c0ffee3' },
    ])
  })

  it('says on a lost connection that messages of that time are lost, and comes back', async () => {
    const { doorPort, port, server } = await start()
    const proxy = await Proxy.start(doorPort)
    const follower = new Follower(proxy.url('/a', scheme))
    await until(() => follower.count('connected') === 1, 'it is connected')
    await until(() => server.hub().receivers('a' as never) === 1, 'it listens')
    proxy.cut()
    await until(() => follower.count('connected') === 2, 'it is connected again')
    expect(follower.seen.at(-2)).toMatchObject({
      kind: 'lost',
      detail: expect.stringMatching(/and what is published until then is lost$/),
    })
    await until(() => server.hub().receivers('a' as never) === 1, 'it listens again')
    await publish(port, 'a', 'c0ffee')
    await until(() => follower.bodies.length === 1, 'the next one came')
  })

  it('tries again while nothing listens', async () => {
    const { doorPort, server } = await start()
    await server.stop()
    const follower = new Follower(new URL(`${scheme}://127.0.0.1:${doorPort}/a`))
    const nothing = (): boolean => JSON.stringify(follower.seen.at(-1)).includes('nothing listens')
    // The first attempts may yet find the door closing.
    await until(() => follower.count('lost') >= 2 && nothing(), 'attempts in vain')
    await follower.stop()
    expect(follower.failure).toBeUndefined()
  })

  it.each([
    ['//localhost', 'path names the'],
    ['//localhost/', 'path names the'],
    ['///a', 'name a host'],
    ['//localhost/a?b', 'written as %3F'],
    ['//localhost/a#b', 'written as %23'],
    ['//localhost/a%zz', 'written as %25'],
  ])('refuses %s in words', async (rest, words) => {
    const follower = new Follower(new URL(`${scheme}:${rest}`))
    await follower.done
    expect(String(follower.failure)).toContain(words)
  })

  it('refuses a start in the past', async () => {
    const url = new URL(`${scheme}://localhost/a`)
    for (const follower of [new Follower(url, { since: 'all' }), new Follower(url, { last: 1 })]) {
      await follower.done
      expect(String(follower.failure)).toContain('has no history')
    }
  })
})

describe('a SparkleShare server of somebody else', () => {
  it('may cut, join and indent its objects, and say what means nothing here', async () => {
    const port = await saying(
      '{"repo": "a", "command": "new_version", "revision": "1"}' +
        '{"repo": "a", "command": "new_version", "revision": "}\\"{"}\n\n' +
        '{"x": {"y": {}}} {"repo": 1, "command": "new_version"}\n{not json}' +
        '{ "repo": "\\u00e4",\n "command": "new_version", "revision": null }',
    )
    const follower = new Follower(new URL(`tcp://127.0.0.1:${port}/a`))
    await until(() => follower.bodies.length === 3, 'all came')
    expect(follower.bodies).toEqual(['1', '}"{', ''])
    expect(follower.seen.at(-1)).toMatchObject({ channel: 'ä' })
  })

  it.each([
    ['HTTP/1.1 400 Bad Request\r\n\r\n', 'something else'],
    [`{"revision": "${'x'.repeat(2 ** 20)}`, 'more than'],
  ])('that is none is refused: %.20s', async (bytes, words) => {
    const port = await fakeServer((socket) => void socket.write(bytes))
    const follower = new Follower(new URL(`tcp://127.0.0.1:${port}/a`))
    await follower.done
    expect(String(follower.failure)).toContain(words)
  })

  it('is asked as the original client asks', async () => {
    let asked = ''
    const port = await fakeServer((socket) => {
      socket.setEncoding('utf8').on('data', (text: string) => (asked += text))
    })
    const follower = new Follower(new URL(`tcp://127.0.0.1:${port}//home/\u00e4"b.git`))
    const expected = '{"repo": "/home/\\u00e4\\"b.git", "command": "register"}'
    await until(() => asked.length >= expected.length, 'it asked')
    expect(asked).toBe(expected)
    expect(follower.count('connected')).toBe(1)
  })
})

describe('a fanout server of somebody else', () => {
  it('may cut its lines anywhere, and announce to all', async () => {
    const port = await saying('debug!connected...\na!one\n\n17\nall!two!three \r\na!\n')
    const follower = new Follower(new URL(`fanout://127.0.0.1:${port}/a`))
    await until(() => follower.bodies.length === 3, 'all came')
    expect(follower.seen).toMatchObject([
      { kind: 'connected' },
      { channel: 'a', body: 'one' },
      { channel: 'all', body: 'two!three \r' },
      { channel: 'a', body: '' },
    ])
  })

  it('may be full: that is tried again', async () => {
    const port = await fakeServer((socket) => void socket.end('debug!busy\n'))
    const follower = new Follower(new URL(`fanout://127.0.0.1:${port}/a`))
    await until(() => follower.count('lost') === 1, 'it tries again')
    expect(follower.seen[0]).toMatchObject({ detail: expect.stringContaining('full') })
  })

  it('has names without spaces and !', async () => {
    const follower = new Follower(new URL('fanout://localhost/a%20b'))
    await follower.done
    expect(String(follower.failure)).toContain('no space')
  })
})
