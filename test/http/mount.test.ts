/** Paths that a library answers by itself, among requests that doors answer. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { Mount } from '../../src/http/mount.ts'
import { RawClient } from '../support/raw.ts'
import { PATHS } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { answersIn, chunked, echo, get, post, startHttp } from './support.ts'

/** Answers with what was asked; `/lib/wait` only when the test says so. */
class Library implements Mount {
  readonly prefix = '/lib/'
  readonly waiting: ServerResponse[] = []
  closed = 0

  request(request: IncomingMessage, response: ServerResponse): void {
    request.socket.on('close', () => this.closed++)
    if (request.url === '/lib/wait') {
      this.waiting.push(response)
      return
    }
    let body = ''
    request.on('data', (piece: Buffer) => (body += piece.toString()))
    request.on('end', () => response.end(`library ${request.method} ${request.url} ${body}`.trim()))
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n`)
    socket.write(`upgraded ${request.url} ${head.toString()}`)
    socket.on('data', (bytes: Buffer) => socket.write(bytes))
  }
}

const bodies = (text: string): string[] => answersIn(text).map(({ body }) => body)

describe.each(PATHS)('a mounted library over $path', ({ lean }) => {
  it('answers its own paths in turn with all others of a connection', async () => {
    const { port } = await startHttp(echo, { lean, mount: new Library() })
    const client = await RawClient.connect(port)

    client.send(get('/a') + post('/lib/b', 'body') + get('/c') + get('/lib') + post('/d', 'x'))

    await client.until(() => client.received.includes('POST /d x'))
    expect(bodies(client.received.toString())).toEqual([
      'GET /a',
      'library POST /lib/b body',
      'GET /c',
      'library GET /lib',
      'POST /d x',
    ])
  })

  it('does not get what only looks like its paths', async () => {
    const { port, seen } = await startHttp(echo, { lean, mount: new Library() })
    const client = await RawClient.connect(port)

    client.send(get('/library') + get('/a/lib/') + get('/LIB/'))

    await client.until(() => client.received.includes('GET /LIB/'))
    expect(seen).toEqual(['GET /library', 'GET /a/lib/', 'GET /LIB/'])
  })

  it('reads chunked bodies itself', async () => {
    const { port } = await startHttp(echo, { lean, mount: new Library() })
    const client = await RawClient.connect(port)

    client.send(chunked('/lib/x', 'one', 'two') + get('/after'))

    await client.until(() => client.received.includes('GET /after'))
    expect(bodies(client.received.toString())).toEqual(['library POST /lib/x onetwo', 'GET /after'])
  })

  it('holds up what comes behind a request that waits, and nobody else', async () => {
    const library = new Library()
    const { port } = await startHttp(echo, { lean, mount: library })
    const [one, other] = [await RawClient.connect(port), await RawClient.connect(port)]

    one.send(get('/lib/wait') + get('/behind'))
    await until(() => library.waiting.length === 1, 'it waits')
    other.send(get('/other'))
    expect((await other.reply()).body.toString()).toBe('GET /other')
    expect(one.received.toString()).toBe('')
    library.waiting[0]?.end('at last')

    await one.until(() => one.received.includes('GET /behind'))
    expect(bodies(one.received.toString())).toEqual(['at last', 'GET /behind'])
  })

  it('hears at once of a client that has left', async () => {
    const library = new Library()
    const { port } = await startHttp(echo, { lean, mount: library })
    const client = await RawClient.connect(port)
    client.send(get('/lib/wait'))
    await until(() => library.waiting.length === 1, 'it waits')

    client.socket.end()

    await until(() => library.closed === 1, 'its connection is closed')
  })

  it('takes the socket over with an upgrade', async () => {
    const { port } = await startHttp(echo, { lean, mount: new Library() })
    const client = await RawClient.connect(port)

    client.send(get('/first') + get('/lib/up', 'Upgrade: x\r\nConnection: Upgrade\r\n'))
    await client.until(() => client.received.includes('upgraded /lib/up'))
    client.send('and on')

    await client.until(() => client.received.toString().endsWith('and on'))
  })

  it('may say no to an upgrade, and destroy the socket at once', async () => {
    const mount = new Library()
    mount.upgrade = (_request, socket) => {
      socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno')
      socket.destroy()
    }
    const { port } = await startHttp(echo, { lean, mount })
    const client = await RawClient.connect(port)

    client.send(get('/lib/up', 'Upgrade: websocket\r\nConnection: Upgrade\r\n'))

    expect(bodies(await client.rest())).toEqual(['no'])
  })

  it('gets no upgrade of its path without the last /, and the connection is closed', async () => {
    const { port } = await startHttp(echo, { lean, mount: new Library() })
    const client = await RawClient.connect(port)

    client.send(get('/first') + get('/lib', 'Upgrade: websocket\r\nConnection: Upgrade\r\n'))
    client.socket.end()

    expect(answersIn(await client.rest()).map(({ status }) => status)).toEqual([200, 404])
  })
})
