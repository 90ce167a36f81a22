/** Chromium's own EventSource and WebSocket, headless. */
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Clock } from '../../src/model/clock.ts'
import { Proxy } from '../client/proxy.ts'
import { publish, publishTogether } from '../protocols/events/events-client.ts'
import { launchChromium, noChromium } from '../support/chromium.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

let browser: Browser
let pages: Server
/** Where a page of another origin than Fanfare's comes from. */
let origin: string

beforeAll(async () => {
  if (noChromium) return
  browser = await launchChromium()
  pages = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html>')
  }).listen(0, '127.0.0.1')
  await once(pages, 'listening')
  origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`
}, 60_000)

afterAll(async () => {
  await browser?.close()
  pages?.closeAllConnections()
  pages?.close()
})

/** What a page heard, as `[type, data, lastEventId]`, and the states of its connection. */
interface Heard {
  readonly messages: [string, string, string][]
  readonly states: string[]
}

async function openPage(url: string): Promise<Page> {
  const page = await browser.newPage()
  onTestFinished(() => page.close())
  await page.goto(url)
  return page
}

/** Opens an EventSource in a page, which keeps what it hears. */
async function listen(page: Page, url: string): Promise<void> {
  await page.evaluate((from) => {
    const heard: Heard = { messages: [], states: [] }
    const source = new EventSource(from)
    const keep = (event: Event): void => {
      const { type, data, lastEventId } = event as MessageEvent
      heard.messages.push([type, String(data), lastEventId])
    }
    for (const type of ['message', 'gap', 'build']) source.addEventListener(type, keep)
    source.addEventListener('open', () => heard.states.push('open'))
    source.addEventListener('error', () => {
      heard.states.push(source.readyState === EventSource.CLOSED ? 'closed' : 'error')
    })
    Object.assign(globalThis, { heard, source })
  }, url)
}

async function heardBy(page: Page): Promise<Heard> {
  return page.evaluate(() => (globalThis as unknown as { heard: Heard }).heard)
}

/** Waits until the page has heard so much, and gives it. */
async function hear(page: Page, messages: number): Promise<Heard> {
  let heard = await heardBy(page)
  while (heard.messages.length < messages) heard = await heardBy(page)
  return heard
}

async function state(page: Page, name: string): Promise<Heard> {
  let heard = await heardBy(page)
  while (!heard.states.includes(name)) heard = await heardBy(page)
  return heard
}

function config(allow: string): string {
  return `
locations:
  - { type: publisher, prefix: /publisher/ }
  - { type: events, prefix: /events/, retry: 50ms, allow_origin: '${allow}' }
  - { type: subscriber, prefix: /subscriber/, retry: 20ms }
  - { type: websocket, prefix: /ws/, allow_origin: '${allow}' }`
}

describe.skipIf(noChromium)("Chromium's EventSource", () => {
  it('gets every kind of message', async () => {
    const { port, url } = await startServer(config(origin))
    const page = await openPage(origin)
    await listen(page, `${url}/events/a`)
    await state(page, 'open')

    const ids = []
    for (const body of ['plain', 'two\r\nlines', ' ä☃😀', '', ':colon']) {
      ids.push(await publish(port, 'a', body))
    }
    ids.push(await publish(port, 'a', 'typed', { 'X-EventSource-Event': 'build' }))

    expect((await hear(page, 6)).messages).toEqual([
      ['message', 'plain', ids[0]],
      ['message', 'two\nlines', ids[1]],
      ['message', ' ä☃😀', ids[2]],
      ['message', '', ids[3]],
      ['message', ':colon', ids[4]],
      ['build', 'typed', ids[5]],
    ])
  })

  it('is served on a subscriber location, to a page of its own origin', async () => {
    const { port, url } = await startServer(config(''))
    const page = await openPage(`${url}/nowhere`)
    await listen(page, '/subscriber/a')
    await state(page, 'open')
    await publish(port, 'a', 'hello')
    expect((await hear(page, 1)).messages).toMatchObject([['message', 'hello', {}]])
  })

  it('comes back by itself where the connection is cut: nothing lost, nothing twice', async () => {
    const { port } = await startServer(config(origin))
    const proxy = await Proxy.start(port)
    const page = await openPage(origin)
    await listen(page, proxy.url('/events/a').href)
    await state(page, 'open')
    const sent: string[] = []
    const next = async (): Promise<void> => {
      sent.push(await publish(port, 'a', `message ${sent.length}`))
    }
    for (let round = 0; round < 4; round++) {
      for (let n = 0; n < round; n++) await next()
      await hear(page, sent.length)
      proxy.cut()
      for (let n = 0; n < 3; n++) await next()
      await until(() => proxy.connections === round + 2, 'it is back')
      await hear(page, sent.length)
    }
    const { messages } = await heardBy(page)
    expect(messages.map(([, , id]) => id)).toEqual(sent)
    expect(messages.map(([type]) => type)).not.toContain('gap')
  })

  it('is told of a gap after the server was restarted, and not again when it comes back', async () => {
    const { server, port } = await startServer(config(origin))
    const proxy = await Proxy.start(port)
    const page = await openPage(origin)
    await listen(page, proxy.url('/events/a').href)
    await state(page, 'open')
    const last = await publish(port, 'a', 'last')
    await hear(page, 1)

    await server.stop()
    const second = await startServer(config(origin), { clock: new Clock(() => Date.now() + 5_000) })
    proxy.target = second.port
    await hear(page, 2)
    const { connections } = proxy
    proxy.cut()
    await until(() => proxy.connections > connections, 'it is back again')
    await publish(second.port, 'a', 'after')

    const { messages } = await hear(page, 3)
    expect(messages.map(([type]) => type)).toEqual(['message', 'gap', 'message'])
    expect(JSON.parse(messages[1]?.[1] ?? '')).toMatchObject({ from: last })
    expect(messages[2]?.[1]).toBe('after')
  })

  it('is stopped for good by a 400', async () => {
    const { port } = await startServer(config(origin))
    const proxy = await Proxy.start(port)
    const page = await openPage(origin)
    await listen(page, proxy.url('/events/a?since=nonsense').href)
    expect((await state(page, 'closed')).states).toEqual(['closed'])
    // Longer than it would have waited.
    await page.waitForTimeout(200)
    expect(proxy.connections).toBe(1)
  })

  it('of another origin hears nothing where it is not allowed', async () => {
    const { url } = await startServer(config(''))
    const page = await openPage(origin)
    await listen(page, `${url}/events/a`)
    expect((await state(page, 'closed')).messages).toEqual([])
  })

  it('follows several channels and a subtree in one connection, from the beginning', async () => {
    const { port, url } = await startServer(config('*'))
    for (const channel of ['a', 't/x', 'b', 't/y']) await publish(port, channel, channel)
    const page = await openPage(origin)
    await listen(page, `${url}/events/b?channel=t/&since=all&format=json`)
    const { messages } = await hear(page, 3)
    const channels = messages.map(([, json]) => (JSON.parse(json) as { channel: string }).channel)
    expect(channels).toEqual(['t/x', 'b', 't/y'])
  })
})

/** Opens a WebSocket in a page, sends frames, and gives the first so many frames that come back. */
async function talk(page: Page, url: string, frames: object[], count: number): Promise<unknown[]> {
  return page.evaluate(
    ([to, texts, wanted]) =>
      new Promise<unknown[]>((resolve) => {
        const got: unknown[] = []
        const socket = new WebSocket(to)
        const keep = (value: unknown): void => {
          got.push(value)
          if (got.length === wanted) resolve(got)
        }
        socket.addEventListener('open', () => texts.forEach((text) => socket.send(text)))
        socket.addEventListener('message', ({ data }) => keep(JSON.parse(data as string)))
        socket.addEventListener('close', ({ code }) => keep({ closed: code }))
      }),
    [url, frames.map((frame) => JSON.stringify(frame)), count] as const,
  )
}

function socketUrl({ url }: TestServer): string {
  return `${url.replace('http', 'ws')}/ws/`
}

describe.skipIf(noChromium)("Chromium's WebSocket", () => {
  it('subscribes, publishes and hears', async () => {
    const { port, url } = await startServer(config(origin))
    await publishTogether(port, 'a', [{ body: 'kept ä' }])
    const page = await openPage(origin)
    const frames = [
      { subscribe: 'a', since: 'all', ref: 1 },
      { publish: 'a', body: 'from a page', ref: 2 },
    ]
    const got = await talk(page, `${url.replace('http', 'ws')}/ws/`, frames, 4)
    expect(got).toContainEqual(expect.objectContaining({ body: 'kept ä' }))
    expect(got).toContainEqual(expect.objectContaining({ subscribed: ['a'], ref: 1 }))
    expect(got).toContainEqual(expect.objectContaining({ published: expect.any(String), ref: 2 }))
    expect(got).toContainEqual(expect.objectContaining({ body: 'from a page' }))
  })

  it('comes back with the client of the documentation: nothing lost, nothing twice', async () => {
    const { port } = await startServer(config(origin))
    const proxy = await Proxy.start(port)
    const sent: string[] = []
    const publishThree = async (): Promise<void> => {
      for (const channel of ['a', 't/x', 'a']) sent.push(await publish(port, channel, ''))
    }
    await publishThree()
    const page = await openPage(origin)
    const code = /```js\n(\/\*\*\n \* Follows channels over lost[^]*?)```/.exec(
      readFileSync('docs/protocols/websocket.md', 'utf8'),
    )?.[1]
    await page.addScriptTag({ content: code ?? '' })
    await page.evaluate((url) => {
      const heard: string[] = []
      Object.assign(globalThis, { heard })
      const { follow } = globalThis as unknown as {
        follow: (at: string, starts: object, onMessage: (message: { id: string }) => void) => void
      }
      follow(url, { a: 'all', 't/': 'all' }, ({ id }) => heard.push(id))
    }, proxy.url('/ws/', 'ws').href)

    const heard = (): Promise<string[]> =>
      page.evaluate(() => (globalThis as unknown as { heard: string[] }).heard)
    for (let round = 0; round < 3; round++) {
      await publishThree()
      while ((await heard()).length < sent.length);
      proxy.cut()
      await publishThree()
    }
    while ((await heard()).length < sent.length);
    expect((await heard()).toSorted()).toEqual(sent.toSorted())
    expect(proxy.connections).toBe(4)
  })

  it('of another origin cannot connect where it is not allowed, and not publish with *', async () => {
    const closed = await startServer(config(''))
    const any = await startServer(config('*'))
    const page = await openPage(origin)
    expect(await talk(page, socketUrl(closed), [], 1)).toEqual([{ closed: 1006 }])
    const [refused] = await talk(page, socketUrl(any), [{ publish: 'a', body: 'x' }], 1)
    expect(refused).toMatchObject({ error: { code: 'foreign_origin' } })
  })

  it('of the server’s own origin may do everything', async () => {
    const { url } = await startServer(config(''))
    const page = await openPage(`${url}/nowhere`)
    const frames = [{ publish: 'a', body: 'x' }]
    const [answer] = await talk(page, `${url.replace('http', 'ws')}/ws/`, frames, 1)
    expect(answer).toHaveProperty('published')
  })
})
