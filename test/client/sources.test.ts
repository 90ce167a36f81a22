/** One connection each: what is made of the answers of servers, ours and others. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { eventsSource } from '../../src/client/events-source.ts'
import { follow } from '../../src/client/follow.ts'
import { type Cursor, type Followed, RefusedError, type Source } from '../../src/client/source.ts'
import { websocketSource } from '../../src/client/websocket-source.ts'
import { publish } from '../protocols/events/events-client.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

/** Runs a source until it ends by itself, or the test does. */
function run(source: Source, url: string, cursor: Cursor = { id: undefined, retry: 0 }) {
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const seen: Followed[] = []
  const done = (async () => {
    const { signal } = stop
    for await (const event of source(new URL(url), cursor, { signal })) seen.push(event)
  })()
  done.catch(() => {})
  return { seen, cursor, done }
}

/** A server of somebody else's. @returns its host and port */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

function stream(text: string): RequestListener {
  return (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' }).end(text)
  }
}

describe.each([
  ['server-sent events', eventsSource, 'http', '/events/a'],
  ['WebSocket', websocketSource, 'ws', '/ws/a'],
] as const)('the cursor of %s', (_, source, scheme, path) => {
  it('is known before the first message: a connection lost then loses nothing', async () => {
    const { port, server } = await startServer()
    const last = await publish(port, 'elsewhere', 'x')
    const { cursor, done } = run(source, `${scheme}://127.0.0.1:${port}${path}`)
    await until(() => cursor.id !== undefined, 'the position has come')
    expect(cursor.id).toBe(last)
    await server.stop()
    await done.catch(() => {})

    expect(cursor.id).toBe(last)
  })

  it('goes with each message, and is sent the next time', async () => {
    const { port } = await startServer()
    const ids = [await publish(port, 'a', 'one'), await publish(port, 'a', 'two')]
    const cursor: Cursor = { id: ids[0], retry: 0 }
    const { seen } = run(source, `${scheme}://127.0.0.1:${port}${path}?since=all`, cursor)
    await until(() => cursor.id === ids[1], 'the second message has come')
    expect(seen).toMatchObject([{ kind: 'connected' }, { kind: 'message', body: 'two' }])
  })
})

describe('event streams of other servers', () => {
  it('are read without envelopes: the data is the body, the path the channel', async () => {
    const host = await serve(stream('id: 7\ndata: one\ndata: {"two"\n\ndata: {"id":1}\n\n'))
    const { seen, cursor, done } = run(eventsSource, `http://${host}/sub/a%20b/c`)
    await done
    expect(seen.slice(1)).toMatchObject([
      { kind: 'message', id: '7', channel: 'a b/c', body: 'one\n{"two"' },
      { kind: 'message', id: '7', channel: 'a b/c', body: '{"id":1}' },
    ])
    expect(cursor.id).toBe('7')
  })

  it('may have paths that are not UTF-8', async () => {
    const host = await serve(stream('data: x\n\n'))
    const { seen, done } = run(eventsSource, `http://${host}/sub/%ff`)
    await done
    expect(seen[1]).toMatchObject({ channel: '%ff', body: 'x' })
  })

  it('may send messages that look like a gap', async () => {
    const host = await serve(stream('data: {"from":"1-0","to":"2-0"}\n\n'))
    const { seen, done } = run(eventsSource, `http://${host}/sub/a`)
    await done
    expect(seen[1]).toMatchObject({ kind: 'message', body: '{"from":"1-0","to":"2-0"}' })
  })

  it('are asked with the cursor alone once there is one', async () => {
    const asked: unknown[] = []
    const host = await serve((request, response) => {
      asked.push([request.url, request.headers['last-event-id']])
      stream('id: 8\n\n')(request, response)
    })
    const options = { since: 'all', last: 5, signal: new AbortController().signal }
    const cursor: Cursor = { id: undefined, retry: 0 }
    for (let n = 0; n < 2; n++) {
      for await (const _ of eventsSource(new URL(`http://${host}/s/a?x=1`), cursor, options));
    }
    expect(asked).toEqual([
      ['/s/a?x=1&format=json&since=all&last=5', undefined],
      ['/s/a?x=1&format=json', '8'],
    ])
  })

  it('may be somewhere else', async () => {
    const host = await serve((request, response) => {
      if (request.url?.startsWith('/there')) stream('data: found\n\n')(request, response)
      else response.writeHead(307, { Location: '/there' }).end()
    })
    const { seen, done } = run(eventsSource, `http://${host}/sub/a`)
    await done
    expect(seen[1]).toMatchObject({ body: 'found' })
  })

  it('may not be nowhere', async () => {
    const host = await serve((_request, response) => {
      response.writeHead(302, { Location: '/on/and/on' }).end()
    })
    await expect(run(eventsSource, `http://${host}/sub/a`).done).rejects.toThrow('redirects')
  })

  it('may have a type of event called gap that means something else', async () => {
    const host = await serve(stream('event: gap\ndata: mind it\n\nevent: gap\ndata: null\n\n'))
    const { seen, done } = run(eventsSource, `http://${host}/sub/a`)
    await done
    expect(seen.slice(1)).toMatchObject([{ body: 'mind it' }, { body: 'null' }])
  })

  it('say how long to wait', async () => {
    const host = await serve(stream('retry: 1234\n\n'))
    const { cursor, done } = run(eventsSource, `http://${host}/sub/a`)
    await done
    expect(cursor.retry).toBe(1234)
  })

  it.each([
    ['a page', 200, 'text/html', '<h1>', 'is not an event stream but text/html'],
    ['no content, which means stop', 204, '', '', 'the server answered 204 No Content'],
    ['not found', 404, 'text/plain', 'no such thing', 'no such thing'],
    ['an empty refusal', 403, '', '', 'the server answered 403 Forbidden'],
  ])('that are none are refused: %s', async (_, status, type, body, words) => {
    const host = await serve((_request, response) => {
      response.writeHead(status, { 'Content-Type': type }).end(body)
    })
    const { done } = run(eventsSource, `http://${host}/sub/a`)
    const failure: unknown = await done.catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(RefusedError)
    expect((failure as Error).message).toContain(words)
  })
})

async function accept(then: (socket: WebSocket) => void): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  server.on('connection', then)
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

describe('WebSockets of other servers', () => {
  it('may send what means nothing here', async () => {
    const url = await accept((socket) => {
      for (const text of ['hello', '', 'null', '[1]', '{"gap":1}', '{"gap":{"from":1,"to":2}}']) {
        socket.send(text)
      }
      socket.send(JSON.stringify({ id: '5-0', channel: 'a', body: 'x' }))
      socket.close()
    })
    const { seen, done } = run(websocketSource, url)
    await done
    expect(seen).toMatchObject([{ kind: 'connected' }, { kind: 'message', id: '5-0' }])
  })

  it('that answer a handshake with an endless page are refused', async () => {
    const host = await serve((_request, response) => {
      response.writeHead(200)
      const more = setInterval(() => response.write('x'.repeat(1000)), 1)
      response.on('close', () => clearInterval(more))
    })
    const { done } = run(websocketSource, `ws://${host}/`)
    await expect(done).rejects.toThrow(RefusedError)
  })

  it('are not read faster than their messages are taken', async () => {
    let sent = 0
    const url = await accept((socket) => {
      const body = 'x'.repeat(10_000)
      const more = (): void => {
        if (socket.readyState !== socket.OPEN || sent === 10_000) return
        socket.send(JSON.stringify({ id: `5-${sent++}`, channel: 'a', body }), more)
      }
      more()
    })
    const stop = new AbortController()
    onTestFinished(() => stop.abort())
    const { signal } = stop
    const cursor = { id: undefined, retry: 0 }
    const messages = websocketSource(new URL(url), cursor, { signal })[Symbol.asyncIterator]()
    await messages.next()
    await messages.next()
    // Nobody takes the third: the sender comes to a stop.
    let before = -1
    while (sent !== before) {
      before = sent
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(sent).toBeLessThan(10_000)

    let last = ''
    while (last !== '5-9999') {
      const { value } = await messages.next()
      last = (value as { id: string }).id
    }
    expect(sent).toBe(10_000)
  })
})

describe('what can be followed', () => {
  it('is left at once, however long its server asks to wait', async () => {
    const host = await serve(stream('retry: 60000\n\n'))
    const stop = new AbortController()
    const events = follow(new URL(`http://${host}/sub/a`), { signal: stop.signal })
    expect((await events.next()).value).toMatchObject({ kind: 'connected' })
    const lost = (await events.next()).value as { detail: string }
    expect(lost.detail).toMatch(/trying again in [6-9]\d\.\d s$/)
    const next = events.next()
    stop.abort()
    expect(await next).toEqual({ done: true, value: undefined })
  })

  it('has a scheme that is known', async () => {
    const { signal } = new AbortController()
    const first = follow(new URL('ftp://localhost/a'), { signal }).next()
    await expect(first).rejects.toThrow('http: https: ws: wss:')
  })
})
