import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import {
  type Authority,
  authority,
  type Certificate,
  newAuthority,
  replace,
} from '../support/certificates.ts'
import { RawClient, requestBytes } from '../support/raw.ts'
import { PATHS, startServer, testConfig, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const run = promisify(execFile)
const tests = authority()
const { ca, pem } = tests
const sign = (...names: string[]): Certificate => tests.sign(...names)
const local = sign('DNS:localhost', 'IP:127.0.0.1')
const TLS = `tls: { cert: ${local.cert}, key: ${local.key} }\n`

describe.each(PATHS)('HTTP over TLS, $path', ({ lean }) => {
  it('publishes, and streams what is published', async () => {
    const { port, url } = await startServer(TLS, { lean })
    expect(url).toBe(`https://127.0.0.1:${port}`)
    const stream = await secure(port)
    stream.write(requestBytes('GET', '/events/news', { Accept: 'text/event-stream' }))
    await stream.saw('\r\n\r\n')

    const answer = await post(port, '/publisher/news', 'hello')

    expect(answer).toBe(true)
    await stream.saw('data: hello')
  })

  it('takes a large message in, and gives it out', async () => {
    const { port } = await startServer(TLS, { lean })
    const stream = await secure(port)
    stream.write(requestBytes('GET', '/events/news', { Accept: 'text/event-stream' }))
    await stream.saw('\r\n\r\n')
    const body = 'x'.repeat(3_000_000)

    expect(await post(port, '/publisher/news', body)).toBe(true)

    await stream.saw(body)
  })

  it('speaks WebSocket', async () => {
    const { port } = await startServer(TLS, { lean })
    const socket = new WebSocket(`wss://127.0.0.1:${port}/ws/news`, { ca: pem })
    onTestFinished(() => socket.terminate())
    const texts: string[] = []
    socket.on('message', (data) => texts.push((data as Buffer).toString('utf8')))
    await until(() => texts.some((text) => text.includes('subscribed')), 'subscribed')

    await post(port, '/publisher/news', 'over wss')

    await until(() => texts.some((text) => text.includes('over wss')), 'the message')
  })

  it('shows URLs that can be used', async () => {
    const { port } = await startServer(TLS, { lean })
    const client = await secure(port)
    client.write(requestBytes('GET', '/nothing/here', { Accept: 'text/html' }))
    await client.saw('404')
    client.write(requestBytes('GET', '/'))
    await client.saw('https://localhost')
  })

  it('tells whoever speaks plain HTTP', async () => {
    const { port } = await startServer(TLS, { lean })
    const client = await RawClient.connect(port)

    client.send(requestBytes('GET', '/'))

    expect((await client.reply()).body.toString()).toContain('This port speaks TLS: use https')
    await client.rest()
  })
})

it('takes clients of all kinds', async () => {
  const { port, server } = await startServer(`${TLS}redis: { port: 0 }\nfanout: { port: 0 }`)
  const { where } = server.places.find(({ what }) => what === 'redis') ?? { where: '' }
  expect(where).toMatch(/^rediss:/)
  const redisPort = new URL(where).port

  const curl = await run('curl', [
    '-s',
    '--cacert',
    ca,
    '-d',
    'hi',
    `https://localhost:${port}/publisher/a`,
  ])
  const cli = await run('redis-cli', [
    '--tls',
    '--cacert',
    ca,
    '-p',
    redisPort,
    'PUBLISH',
    'a',
    'b',
  ])
  const redis = new Redis(Number(redisPort), '127.0.0.1', { tls: { ca: pem } })
  onTestFinished(() => redis.disconnect())

  expect(curl.stdout).toContain('queued messages: 1')
  expect(cli.stdout.trim()).toBe('0')
  expect(await redis.ping()).toBe('PONG')
})

it('serves the line protocols, the feed and the management', async () => {
  const { server } = await startServer(
    `${TLS}feed: { port: 0 }\nfanout: { port: 0 }\nmanagement: { port: 0 }\n` +
      'sparkleshare: { port: 0, zeromq: false }',
  )
  const port = (what: string): number => portOf(server.places, what)

  const fanout = await secure(port('fanout'))
  await fanout.saw('debug!connected')
  const feed = await secure(port('feed'))
  feed.write('GET / HTTP/1.1\r\n\r\n')
  await feed.saw('\r\n\r\n')
  const management = await secure(port('management'))
  management.write(requestBytes('GET', '/user/listAll'))
  await management.saw('200 OK')
  const sparkleshare = await secure(port('sparkleshare'))
  sparkleshare.write('{"repo": "r", "command": "new_version", "revision": "c0ffee"}')

  await feed.saw('c0ffee')
})

it('leaves a door alone that wants none, and takes another certificate for one that has its own', async () => {
  const other = sign('DNS:redis.example')
  const own = `tls: { cert: ${other.cert}, key: ${other.key} }`
  const { server } = await startServer(
    `${TLS}fanout: { port: 0, tls: false }\nredis: { port: 0, ${own} }`,
  )

  const plain = await RawClient.connect(portOf(server.places, 'fanout'))
  expect(await plain.takeUntil('\n')).toContain('connected')
  const redis = await secure(portOf(server.places, 'redis'), { servername: 'redis.example' })
  expect(redis.getPeerCertificate().subject.CN).toBe('redis.example')
})

it('tells a plain Redis client', async () => {
  const { server } = await startServer(`${TLS}redis: { port: 0 }`)
  const client = await RawClient.connect(portOf(server.places, 'redis'))

  client.send('PING\r\n')

  expect(await client.rest()).toMatch(/^-ERR This port speaks TLS/)
})

describe('certificates', () => {
  it('are shown by the name that is asked for', async () => {
    const [one, wild] = [sign('DNS:one.example'), sign('DNS:*.two.example')]
    const { port } = await startServer(
      `tls:\n  cert: ${local.cert}\n  key: ${local.key}\n  sni:\n` +
        `  - { cert: ${one.cert}, key: ${one.key} }\n` +
        `  - { cert: ${wild.cert}, key: ${wild.key}, names: ['*.two.example', other.example] }\n`,
    )
    const shownFor = async (servername: string): Promise<unknown> => {
      const socket = await secure(port, { servername, checkServerIdentity: () => undefined })
      return socket.getPeerCertificate().subject.CN
    }

    expect(await shownFor('one.example')).toBe('one.example')
    expect(await shownFor('A.Two.example')).toBe('*.two.example')
    expect(await shownFor('other.example')).toBe('*.two.example')
    expect(await shownFor('unknown.example')).toBe('localhost')
  })

  it('are read again when they change, under connections that go on', async () => {
    const files = sign('DNS:before.example')
    const { port } = await startServer(`tls: { cert: ${files.cert}, key: ${files.key} }`)
    const loose = { checkServerIdentity: () => undefined }
    const open = await secure(port, loose)
    open.write(requestBytes('GET', '/events/news', { Accept: 'text/event-stream' }))
    await open.saw('\r\n\r\n')

    replace(files, sign('DNS:after.example'))

    await untilShown(port, 'after.example')
    await post(port, '/publisher/news', 'still there', loose)
    await open.saw('data: still there')
  })

  it('stay when the new ones cannot be used, and that is told', async () => {
    const files = sign('DNS:before.example')
    const started = await startServer(`tls: { cert: ${files.cert}, key: ${files.key} }`)

    writeFileSync(files.cert, 'nonsense')

    await until(() => started.errors.length > 0, 'an error')
    expect(String(started.errors.splice(0))).toContain('the former certificates go on being used')
    await untilShown(started.port, 'before.example')
    replace(files, sign('DNS:after.example'))
    await untilShown(started.port, 'after.example')
  })

  it('that cannot be used are an error at the start, and of a reload', async () => {
    const missing = 'tls: { cert: /nowhere/cert.pem, key: /nowhere/key.pem }'
    const { server, port } = await startServer(`port: 0\n${TLS}`)
    const mixed = `port: 0\ntls: { cert: ${local.cert}, key: ${sign('DNS:x').key} }`

    await expect(startServer(missing)).rejects.toThrow(/cannot read \/nowhere\/cert.pem/)
    await expect(server.apply(testConfig(mixed))).rejects.toThrow(/the key belongs to another/)

    expect(await post(port, '/publisher/a', 'x')).toBe(true)
  })

  it('come and go with the configuration', async () => {
    const { server, port } = await startServer('port: 0\nredis: { port: 0 }')
    const redisPort = portOf(server.places, 'redis')
    const before = await RawClient.connect(redisPort)

    await server.apply(testConfig(`port: 0\nredis: { port: 0 }\n${TLS}`))

    expect(server.url).toMatch(/^https:/)
    expect(await post(port, '/publisher/a', 'x')).toBe(true)
    const redis = await secure(redisPort)
    redis.write('PING\r\n')
    await redis.saw('+PONG')
    before.send('PING\r\n')
    await before.takeUntil('+PONG\r\n')

    await server.apply(testConfig('port: 0\nredis: { port: 0 }'))
    const after = await RawClient.connect(redisPort)
    after.send('PING\r\n')
    await after.takeUntil('+PONG\r\n')
  })
})

describe('certificates of clients', () => {
  it('are asked for, and must be right', async () => {
    const { port } = await startServer(asking('require'))

    expect(await post(port, '/publisher/a', 'x', shown(tests))).toBe(true)
    await expect(post(port, '/publisher/a', 'x')).rejects.toThrow()
    const stranger = shown(newAuthority('Stranger'))
    await expect(post(port, '/publisher/a', 'x', stranger)).rejects.toThrow()
  })

  it('may be left out where they are only requested, and may not be wrong', async () => {
    const { port } = await startServer(asking('request'))

    expect(await post(port, '/publisher/a', 'x')).toBe(true)
    expect(await post(port, '/publisher/a', 'x', shown(tests))).toBe(true)
    const stranger = shown(newAuthority('Stranger'))
    await expect(post(port, '/publisher/a', 'x', stranger)).rejects.toThrow()
  })

  it('need somebody who signs them', async () => {
    const config = `tls: { cert: ${local.cert}, key: ${local.key}, clientCertificates: require }`
    await expect(startServer(config)).rejects.toThrow(/`ca` does not say whose/)
  })
})

it('speaks TLS 1.2 and newer, or 1.3 alone', async () => {
  const { port } = await startServer(TLS)
  const newest = await startServer(
    `tls: { cert: ${local.cert}, key: ${local.key}, minVersion: TLSv1.3 }`,
  )
  const old = { maxVersion: 'TLSv1.2' } as const

  expect((await secure(port)).getProtocol()).toBe('TLSv1.3')
  expect((await secure(port, old)).getProtocol()).toBe('TLSv1.2')
  expect((await secure(port, { ALPNProtocols: ['h2', 'http/1.1'] })).alpnProtocol).toBe('http/1.1')
  await expect(secure(newest.port, old)).rejects.toThrow()
  const older = ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0', '-connect', `127.0.0.1:${port}`]
  await expect(run('openssl', ['s_client', ...older])).rejects.toThrow()
})

it('gives a handshake its time, and no more', async () => {
  const { port, server } = await startServer(`${TLS}limits: { handshakeTimeout: 300ms }`)
  const silent = await RawClient.connect(port)
  const slow = await RawClient.connect(port)
  slow.send(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1]))
  const dribble = setInterval(() => slow.send('\0'), 20)
  onTestFinished(() => clearInterval(dribble))
  const done = await secure(port)

  await silent.rest()
  await slow.rest()

  expect(await post(port, '/publisher/a', 'x')).toBe(true)
  done.destroy()
  await until(() => server.connections === 0, 'all gone')
})

it('closes a subscriber that takes nothing', async () => {
  const { port, server } = await startServer(
    `${TLS}limits: { idleTimeout: 300ms, heartbeat: 100ms }`,
  )
  const slow = await secure(port)
  slow.write(requestBytes('GET', '/events/news', { Accept: 'text/event-stream' }))
  await slow.saw('\r\n\r\n')
  slow.pause()

  for (let n = 0; n < 8; n++) await post(port, '/publisher/news', 'x'.repeat(3_000_000))

  await until(() => server.hub().receivers('news' as never) === 0, 'it is gone')
})

it('stops with handshakes under way', async () => {
  const { port, server } = await startServer(TLS)
  const silent = await RawClient.connect(port)
  const begun = await RawClient.connect(port)
  begun.send(Buffer.from([0x16, 3, 1]))
  await until(() => server.connections === 2, 'both are there')

  await server.stop()

  await silent.rest()
  await begun.rest()
})

// --- clients ---

interface Secure extends TLSSocket {
  saw(text: string): Promise<void>
}

/** A client that has shaken hands. */
async function secure(port: number, options: ConnectionOptions = {}): Promise<Secure> {
  const socket = connect({ host: '127.0.0.1', port, ca: pem, ...options })
  onTestFinished(() => {
    socket.destroy()
  })
  let text = ''
  socket.on('data', (bytes) => (text += bytes.toString('latin1')))
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  return Object.assign(socket, {
    saw: (wanted: string) => until(() => text.includes(wanted), wanted.slice(0, 100)),
  })
}

/** @returns whether it was taken */
function post(
  port: number,
  path: string,
  body: string,
  options: ConnectionOptions = {},
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', port, path, method: 'POST', agent: false, ca: pem, ...options }
    const sent = request(to as RequestOptions, (response) => {
      response.resume()
      resolve(response.statusCode === 201 || response.statusCode === 202)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

async function untilShown(port: number, name: string): Promise<void> {
  for (let seen = ''; seen !== name; ) {
    const socket = await secure(port, { checkServerIdentity: () => undefined })
    seen = String(socket.getPeerCertificate().subject.CN)
    socket.destroy()
  }
}

function portOf(places: TestServer['server']['places'], name: string): number {
  const { where = '' } = places.find(({ what }) => what === name) ?? {}
  return Number(/:(\d+)\/?$/.exec(where)?.[1])
}

function read(file: string): string {
  return readFileSync(file, 'latin1')
}

/** Asks clients for certificates. */
function asking(wanted: string): string {
  return `tls: { cert: ${local.cert}, key: ${local.key}, ca: ${ca}, clientCertificates: ${wanted} }`
}

/** A client that shows a certificate. */
function shown(of: Authority): ConnectionOptions {
  const { cert, key } = of.sign('DNS:client')
  return { cert: read(cert), key: read(key) }
}
