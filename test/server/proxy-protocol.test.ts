import { once } from 'node:events'
import { connect } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { authority } from '../support/certificates.ts'
import { RawClient, requestBytes } from '../support/raw.ts'
import { PATHS, startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const PROXIED = 'proxyProtocol: true\ntrustedProxies: [127.0.0.1]\ntrustedPeers: [10.1.2.3]\n'
const line = (address: string): string => `PROXY TCP4 ${address} 127.0.0.1 49153 80\r\n`

/** @returns the status */
async function publish(port: number, header: string): Promise<number> {
  const client = await RawClient.connect(port)
  client.send(Buffer.concat([Buffer.from(header), requestBytes('POST', '/publisher/a', {}, 'x')]))
  return (await client.reply()).status
}

describe.each(PATHS)('over HTTP, $path', ({ lean }) => {
  it('the address that a proxy names is the one that counts', async () => {
    const { port } = await startServer(PROXIED, { lean })

    expect(await publish(port, line('10.1.2.3'))).toBe(202)
    expect(await publish(port, line('10.1.2.4'))).toBe(403)
    expect(await publish(port, 'PROXY UNKNOWN\r\n')).toBe(403)
  })

  it('comes in any pieces, and what follows it is not lost', async () => {
    const { port } = await startServer(PROXIED, { lean })
    const client = await RawClient.connect(port)
    client.socket.setNoDelay(true)

    for (const byte of line('10.1.2.3')) {
      client.send(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    client.send(requestBytes('POST', '/publisher/a', {}, 'x'))

    expect((await client.reply()).status).toBe(202)
    client.send(requestBytes('POST', '/publisher/a', {}, 'y'))
    expect((await client.reply()).status).toBe(202)
  })

  it('who is no named proxy is closed, and so is one without a header', async () => {
    const { port } = await startServer(PROXIED, { lean })
    const stranger = await RawClient.connect(port, '127.0.0.1', '127.0.0.9')
    const bare = await RawClient.connect(port)

    stranger.send(line('10.1.2.3'))
    bare.send(requestBytes('GET', '/'))

    expect(await stranger.rest()).toBe('')
    expect(await bare.rest()).toBe('')
  })

  it('a header where none is expected is a bad request', async () => {
    const { port } = await startServer('trustedProxies: [127.0.0.1]', { lean })
    const client = await RawClient.connect(port)

    client.send(`${line('10.1.2.3')}\r\n`)

    expect((await client.reply()).status).toBe(400)
  })
})

it('holds for each door by itself', async () => {
  const { server } = await startServer(
    'trustedProxies: [127.0.0.1]\ntrustedPeers: [10.1.2.3]\n' +
      'redis: { port: 0, proxyProtocol: true }\nfanout: { port: 0, proxyProtocol: true }\n' +
      'feed: { port: 0 }',
  )
  const portOf = (name: string): number =>
    Number(new URL(server.places.find(({ what }) => what === name)?.where ?? '').port)

  const trusted = await RawClient.connect(portOf('redis'))
  trusted.send(`${line('10.1.2.3')}PUBLISH a b\r\n`)
  await trusted.takeUntil(':0\r\n')
  const other = await RawClient.connect(portOf('redis'))
  other.send(`${line('10.1.2.4')}PUBLISH a b\r\n`)
  expect(await other.takeUntil('\r\n')).toMatch(/^-NOPERM .*10\.1\.2\.4/)
  const fanout = await RawClient.connect(portOf('fanout'))
  fanout.send(line('10.1.2.3'))
  await fanout.takeUntil('connected')
  const feed = await RawClient.connect(portOf('feed'))
  feed.send('GET / HTTP/1.1\r\n\r\n')
  await feed.takeUntil('200 OK')
})

it('comes before TLS', async () => {
  const tests = authority()
  const { ca, pem } = tests
  const { cert, key } = tests.sign('DNS:localhost')
  const { port } = await startServer(`${PROXIED}tls: { cert: ${cert}, key: ${key}, ca: ${ca} }`)
  const below = await RawClient.connect(port)
  below.send(line('10.1.2.3'))

  const socket = connect({ socket: below.socket, ca: pem, servername: 'localhost' })
  onTestFinished(() => {
    socket.destroy()
  })
  await once(socket, 'secureConnect')
  let text = ''
  socket.on('data', (bytes) => (text += String(bytes)))
  socket.write(requestBytes('POST', '/publisher/a', {}, 'x'))

  await until(() => text.includes('202 Accepted'), 'it was published')
})

it('has its time, and no more', async () => {
  const { port } = await startServer(`${PROXIED}limits: { handshakeTimeout: 200ms }`)
  const silent = await RawClient.connect(port)
  const slow = await RawClient.connect(port)

  slow.send('PROXY TCP4')

  expect(await silent.rest()).toBe('')
  expect(await slow.rest()).toBe('')
})

it('counts connections for the address that it names', async () => {
  const { port } = await startServer(`${PROXIED}limits: { maxConnectionsPerAddress: 2 }`)
  const open = async (address: string): Promise<RawClient> => {
    const client = await RawClient.connect(port)
    client.send(Buffer.concat([Buffer.from(line(address)), requestBytes('GET', '/')]))
    return client
  }
  const [one, two] = [await open('192.0.2.1'), await open('192.0.2.1')]
  await one.reply()
  await two.reply()

  const third = await open('192.0.2.1')
  expect(await third.rest()).toBe('')
  const other = await open('192.0.2.2')
  expect((await other.reply()).status).toBeLessThan(500)
})
