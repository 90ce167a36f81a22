/** The client in a real page: Chromium, headless, with the bundle as it is published. */
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Clock } from '../../src/model/clock.ts'
import type { Fanfare, Followed } from '../../src/sdk/index.ts'
import { Proxy } from '../client/proxy.ts'
import { startManaged } from '../protocols/management/support.ts'
import { publish } from '../protocols/events/events-client.ts'
import { launchChromium, noChromium } from '../support/chromium.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { TRANSPORTS } from './support.ts'

let browser: Browser
let pages: Server
/** Where pages of another origin than Fanfare's come from, and the bundle. */
let origin: string
/** The page at /example.html there. */
let example = ''

beforeAll(async () => {
  if (noChromium) return
  browser = await launchChromium()
  const bundle = readFileSync('dist/browser/client.js')
  pages = createServer((request, response) => {
    const script = request.url === '/client.js'
    const type = script ? 'text/javascript' : 'text/html'
    response.writeHead(200, { 'Content-Type': type, 'Access-Control-Allow-Origin': '*' })
    response.end(script ? bundle : request.url === '/example.html' ? example : '<!doctype html>')
  }).listen(0, '127.0.0.1')
  await once(pages, 'listening')
  origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`
}, 60_000)

afterAll(async () => {
  await browser?.close()
  pages?.closeAllConnections()
  pages?.close()
})

/** What a page holds for its test. */
interface Held {
  fanfare: Fanfare
  got: Followed[]
  states: string[]
  error: unknown
}

/** A page at a URL, with a client. */
async function openPage(url: string, options: object): Promise<Page> {
  const page = await browser.newPage()
  onTestFinished(() => page.close())
  await page.goto(url)
  // As text: the test runner would put something of its own in the place of `import`.
  await page.evaluate(`import('${origin}/client.js').then(({ connect }) => {
    Object.assign(globalThis, { fanfare: connect(${JSON.stringify(options)}), got: [], states: [] })
  })`)
  return page
}

/** Follows in the page, which keeps what it gets. */
async function follow(page: Page, channels: string[], options: object): Promise<void> {
  await page.evaluate(
    async ([names, given]) => {
      const held = globalThis as unknown as Held
      const subscription = held.fanfare.subscribe(names, {
        ...given,
        onStatus: ({ state }) => held.states.push(state),
      })
      const read = async (): Promise<void> => {
        for await (const item of subscription) held.got.push(item)
      }
      void read().catch((error: unknown) => (held.error = error))
      await subscription.opened
    },
    [channels, options] as const,
  )
}

/** Waits until the page has so many, and gives them. */
async function take(page: Page, count: number): Promise<Followed[]> {
  await page.waitForFunction((n) => (globalThis as unknown as Held).got.length >= n, count)
  return page.evaluate(() => (globalThis as unknown as Held).got)
}

/** Registers a session from the page. @returns whose it is */
function register(page: Page): Promise<unknown> {
  return page.evaluate(async () => {
    const { auth } = (globalThis as unknown as Held).fanfare
    await auth.set(1, 'test')
    return auth.check('test')
  })
}

const config = (): string => `
locations:
  - { type: publisher, prefix: /publisher/, allow_origin: '${origin}' }
  - { type: events, prefix: /events/, retry: 20ms, allow_origin: '${origin}' }
  - { type: websocket, prefix: /ws/, allow_origin: '${origin}' }`

describe.skipIf(noChromium)('the client in Chromium', () => {
  it.each(TRANSPORTS)('goes on where it was after cuts, over %s', async (transport) => {
    const { port } = await startServer(config())
    const proxy = await Proxy.start(port)
    const page = await openPage(origin, { url: proxy.url('/').href })
    await follow(page, ['a', 't/'], { transport })
    const sent: string[] = []
    const publishThree = async (): Promise<void> => {
      for (const channel of ['a', 't/x', 'a']) sent.push(await publish(port, channel, 'ä☃'))
    }

    for (let round = 0; round < 3; round++) {
      await publishThree()
      if (round > 0) await take(page, sent.length)
      const { connections } = proxy
      proxy.cut()
      await publishThree()
      await until(() => proxy.connections > connections, 'it is back')
      await take(page, sent.length)
    }

    const got = await take(page, sent.length)
    expect(got.map((item) => item.kind === 'message' && item.id)).toEqual(sent)
  })

  it.each(TRANSPORTS)('is told of a gap by a restarted server, over %s', async (transport) => {
    const first = await startServer(config())
    const proxy = await Proxy.start(first.port)
    const page = await openPage(origin, { url: proxy.url('/').href })
    await follow(page, ['a'], { transport })
    const id = await publish(first.port, 'a', 'before')
    await take(page, 1)

    await first.server.stop()
    const second = await startServer(config(), { clock: new Clock(() => Date.now() + 5_000) })
    proxy.target = second.port
    await take(page, 2)
    await publish(second.port, 'a', 'after')

    expect(await take(page, 3)).toMatchObject([
      { body: 'before' },
      { kind: 'gap', from: id },
      { body: 'after' },
    ])
  })

  it('publishes all that can be published, and hears it', async () => {
    const { url } = await startServer(config())
    const page = await openPage(origin, { url })
    await follow(page, ['a'], {})
    const published = await page.evaluate(async () => {
      const { fanfare } = globalThis as unknown as Held
      await fanfare.publish('a', 'text ☃')
      await fanfare.publish('a', { build: 17 })
      return fanfare.publish('a', new Uint8Array([255, 0]), { attributes: { event: 'frame' } })
    })
    const got = await take(page, 3)
    expect(got).toMatchObject([
      { body: 'text ☃' },
      { data: { build: 17 } },
      { id: published.id, body: { 0: 255, 1: 0 }, attributes: { event: 'frame' } },
    ])
    expect(published.receivers).toBe(1)
  })

  it.each(TRANSPORTS)('throws the server’s words in its loop, over %s', async (transport) => {
    const { url } = await startServer(config())
    const page = await openPage(origin, { url })
    const error = follow(page, ['a'], { transport, since: 'nonsense' })
    await expect(error).rejects.toThrow(/cursor/)
    await page.waitForFunction(() => (globalThis as unknown as Held).error !== undefined)
    const code = await page.evaluate(
      () => ((globalThis as unknown as Held).error as { code: string }).code,
    )
    expect(code).toBe('bad_cursor')
  })

  it('finds the server that its page came from', async () => {
    const { port, url } = await startServer(config())
    const page = await openPage(`${url}/nowhere`, {})
    await follow(page, ['a'], {})
    await publish(port, 'a', 'hello')
    expect(await take(page, 1)).toMatchObject([{ body: 'hello' }])
  })

  it('runs the page of docs/client.md', async () => {
    const { port } = await startServer(config())
    await publish(port, 'news', 'kept')
    const text = readFileSync('docs/client.md', 'utf8')
    example = (/^```html\n([^]*?)^```/m.exec(text)?.[1] ?? '').replace('8080', String(port))
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    await page.goto(`${origin}/example.html`)
    await page.waitForSelector('li')
    await publish(port, 'news', 'live')
    await page.waitForSelector('li + li')
    expect(await page.locator('li').allTextContents()).toEqual(['kept', 'live'])
  })

  it('calls services from a page of the management port, and from no other', async () => {
    const { admin } = await startManaged()
    const management = `http://127.0.0.1:${admin}/`
    const own = await openPage(`${management}nowhere`, { management })
    expect(await register(own)).toBe(1)
    const foreign = await openPage(origin, { management })
    await expect(register(foreign)).rejects.toThrow(/no answer/)
  })
})
