/** The console in real Chromium. Screenshots are kept in test-results/. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Hub } from '../../src/hub/hub.ts'
import type { ChannelName } from '../../src/model/channel.ts'
import { SERVICES } from '../../src/services/definitions/index.ts'
import { launch, openPage, overflow, screenshot } from './browser.ts'
import { noChromium } from '../support/chromium.ts'
import { startConsole } from './server.ts'

const WIDE = { name: '1280', width: 1280, height: 800 }
const NARROW = { name: '390', width: 390, height: 844 }
const DARK = { name: '1280-dark', width: 1280, height: 800, dark: true }

let browser: Browser

beforeAll(async () => {
  if (!noChromium) browser = await launch()
}, 60_000)

afterAll(() => browser?.close())

function post(hub: Hub, channel: string, body = 'x'): void {
  void hub.publish({ channel: channel as ChannelName, body: Buffer.from(body) })
}

/** Publishes so many a second, evenly, until it is told to stop. */
function stream(hub: Hub, channel: string, rate: number): () => void {
  let sent = 0
  const timer = setInterval(() => {
    for (let n = 0; n < rate / 100; n++) post(hub, channel, `line ${sent++}`)
  }, 10)
  return () => clearInterval(timer)
}

describe.skipIf(noChromium).each([WIDE, NARROW, DARK])('at $name', (look) => {
  it('shows every view, and nothing sticks out', async () => {
    const { server, management } = await startConsole()
    const hub = server.hub()
    const words = 'a rather long line that has to be broken somewhere when it is shown '.repeat(4)
    for (let n = 0; n < 60; n++) {
      post(
        hub,
        `builds/project-${n % 12}/main`,
        JSON.stringify({ build: n, state: 'passed', words }),
      )
    }
    post(hub, `a/${'long'.repeat(60)}`)
    await server.users.sessions.set('1', 'test')
    await server.users.subscribe('1', 'news' as ChannelName)
    const page = await openPage(browser, management, look)
    const views: readonly [string, string, () => Promise<void>][] = [
      ['overview', '', () => page.getByRole('rowheader', { name: 'relay' }).waitFor()],
      ['channels', 'channels', () => page.getByText('builds/project-0/main').waitFor()],
      ['channel', 'channels/builds/project-1/main', () => page.getByText('"build":49').waitFor()],
      ['subtree', 'channels/builds/', () => page.getByText('"build":59').waitFor()],
      ['users', 'users', () => page.getByRole('link', { name: '1', exact: true }).waitFor()],
      ['services', 'services', () => page.getByText('manager/status').waitFor()],
    ]
    for (const [name, path, ready] of views) {
      await page.goto(`${management}#/${path}`)
      await ready()
      await screenshot(page, `${name}-${look.name}`)
      expect(await overflow(page), name).toBe(0)
      expect(await page.getByRole('heading', { level: 1 }).count(), name).toBe(1)
    }
  })
})

describe.skipIf(noChromium)('the console', () => {
  it('scrolls through ten thousand channels, of which it draws what is in sight', async () => {
    const { server, management } = await startConsole()
    for (let n = 0; n < 10_000; n++) post(server.hub(), `c/${String(n).padStart(5, '0')}`)
    const page = await openPage(browser, `${management}#/channels`, WIDE)
    await page.getByText('10,000 channels').waitFor()
    await page.getByRole('grid').focus()
    await page.keyboard.press('End')
    await page.getByText('c/09999').waitFor()
    expect(await page.getByRole('row').count()).toBeLessThan(60)
    await screenshot(page, 'ten-thousand-1280')
    for (const [at, name] of [
      [180_000, 'c/05000'],
      [36_000, 'c/01000'],
    ] as const) {
      await page.locator('.rows').evaluate((element, top) => element.scrollTo(0, top), at)
      await page.getByText(name).waitFor()
    }
    await page.getByRole('searchbox').fill('c/0777')
    await page.getByText('10 of 10,000 channels').waitFor()
    post(server.hub(), 'c/07775')
    await page.getByRole('button', { name: 'Messages' }).click()
    await page.getByRole('row').nth(1).filter({ hasText: 'c/07775' }).waitFor()
  })

  it('is used by keyboard alone: to a channel, and a message published there', async () => {
    const { server, management } = await startConsole()
    for (const name of ['a', 'b', 'c']) post(server.hub(), name, `in ${name}`)
    const page = await openPage(browser, management, WIDE)
    await page.getByRole('rowheader', { name: 'relay' }).waitFor()
    const tabTo = async (
      name: string | RegExp,
      role: 'link' | 'button' | 'textbox',
    ): Promise<void> => {
      const target = page.getByRole(role, { name }).first()
      for (let n = 0; n < 40; n++) {
        await page.keyboard.press('Tab')
        if (await target.evaluate((element) => element.matches(':focus-visible'))) return
      }
      throw new Error(`no Tab leads to ${String(name)}`)
    }
    await tabTo(/^Channels/, 'link')
    await page.keyboard.press('Enter')
    await page.getByText('3 channels').waitFor()
    for (let n = 0; n < 20; n++) {
      await page.keyboard.press('Tab')
      if ((await page.locator('[role=grid]:focus-visible').count()) === 1) break
    }
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'b', exact: true }).waitFor()
    await page.getByText('in b').waitFor()
    await tabTo('message', 'textbox')
    await page.keyboard.type('typed by hand')
    await tabTo('Publish', 'button')
    await page.keyboard.press('Space')
    await page.getByText('OK', { exact: true }).waitFor()
    await page.getByText('"typed by hand"').waitFor()
  })

  it('says that it shows some of too many messages, and stands still when it is paused', async () => {
    const { server, management } = await startConsole()
    const page = await openPage(browser, `${management}#/channels/busy`, WIDE)
    await page.getByText('Every message is shown.').waitFor()
    const stop = stream(server.hub(), 'busy', 5_000)
    await page
      .getByText(/Too many to read: of \d,\d{3} in the last second, \d\d are shown/)
      .waitFor()
    await screenshot(page, 'busy-1280')
    await page.getByRole('button', { name: 'Pause' }).click()
    const first = await page.locator('.log li').first().innerText()
    await page.getByRole('button', { name: /Go on \(\d+\)/ }).waitFor()
    expect(await page.locator('.log li').first().innerText()).toBe(first)
    expect(await page.locator('.log li').count()).toBeLessThanOrEqual(200)
    stop()
  })

  it('asks for the key once, and again when it is wrong', async () => {
    const key = 'sixteen-characters-or-more'
    const { management } = await startConsole('', `port: 0, key: ${key}`)
    const page = await openPage(browser, management, NARROW)
    await page.getByLabel('Key', { exact: true }).fill('wrong')
    await page.keyboard.press('Enter')
    await page.getByText('Error: that was not the key.').waitFor()
    await screenshot(page, 'key-390')
    await page.getByLabel('Key', { exact: true }).fill(key)
    await page.keyboard.press('Enter')
    await page.getByRole('rowheader', { name: 'relay' }).waitFor()
    await page.reload()
    await page.getByRole('rowheader', { name: 'relay' }).waitFor()
    expect(await page.getByRole('dialog').isVisible()).toBe(false)
  })

  it('says when the server goes away, and comes back with it', async () => {
    const { server, management } = await startConsole()
    const page = await openPage(browser, `${management}#/channels/a`, WIDE)
    await page.getByText('Every message is shown.').waitFor()
    await server.stop()
    await page.getByRole('alert').getByText('The server does not answer.').waitFor()
    await screenshot(page, 'away-1280')
    const { port } = new URL(management)
    const second = await startConsole('', `port: ${port}`)
    await page.getByText('does not answer').waitFor({ state: 'hidden' })
    await page.getByText('Nothing yet.').waitFor()
    post(second.server.hub(), 'a', 'after')
    await page.getByText('after', { exact: true }).waitFor()
  })

  it('has a form for every method, and shows what is answered', async () => {
    const { management } = await startConsole()
    const page = await openPage(browser, `${management}#/services`, WIDE)
    const form = (name: string) => page.getByRole('form', { name, exact: true })
    for (const [service, { methods }] of Object.entries(SERVICES)) {
      for (const [method, { params }] of Object.entries(methods)) {
        const fields = form(`${service}/${method}`).getByRole('textbox')
        expect(await fields.count(), `${service}/${method}`).toBe(params.length)
      }
    }
    const call = async (name: string, values: Record<string, string>): Promise<string> => {
      for (const [label, value] of Object.entries(values)) {
        await form(name).getByLabel(label).fill(value)
      }
      await form(name).getByRole('button', { name: 'Send' }).click()
      await form(name).locator('output.busy').waitFor({ state: 'detached' })
      const output = form(name).locator('output.ok, output.bad')
      await output.waitFor()
      return output.innerText()
    }
    expect(await call('auth/set', { userId: '1', sessionId: 'test' })).toBe('OK')
    expect(await call('auth/check', { sessionId: 'test' })).toBe('1')
    // A 401 of a service's is no wish for the key.
    expect(await call('auth/check', { sessionId: 'unknown' })).toMatch(
      /^Error Authorization failed/,
    )
    expect(await page.getByRole('dialog').isVisible()).toBe(false)
    expect(await call('user/publish', { userId: '2', message: '{}' })).toMatch(
      /^Error User not connected/,
    )
    expect(await call('channel/publish', { channelId: 'a', message: '{"text":' })).toContain(
      'This is not JSON',
    )
  })

  it('is as dark as one wants', async () => {
    const { management } = await startConsole()
    const page = await openPage(browser, management, DARK)
    const theme = (): Promise<string | null> => page.locator('html').getAttribute('data-theme')
    const button = page.getByRole('button', { name: /Theme/ })
    await button.waitFor()
    expect(await theme()).toBe('dark')
    await button.click()
    expect(await theme()).toBe('light')
    await page.reload()
    await button.waitFor()
    expect(await theme()).toBe('light')
  })
})
