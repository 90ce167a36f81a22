/** The client's page in real Chromium, and the console with it. Screenshots are kept in test-results/. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ChannelName } from '../../src/model/channel.ts'
import { startServer } from '../support/server.ts'
import { launch, openPage, overflow, screenshot } from './browser.ts'
import { noChromium } from '../support/chromium.ts'
import { type Console, startConsole } from './server.ts'

const WIDE = { name: '1280', width: 1280, height: 800 }
const NARROW = { name: '390', width: 390, height: 844 }

let browser: Browser

beforeAll(async () => {
  if (!noChromium) browser = await launch()
}, 60_000)

afterAll(() => browser?.close())

async function logIn(page: Page, user: string, session: string): Promise<void> {
  await page.getByLabel('User id').fill(user)
  await page.getByLabel('Session').fill(session)
  await page.getByRole('button', { name: 'Log in' }).click()
}

describe.skipIf(noChromium).each([WIDE, NARROW])("the original's demo, $name px wide", (look) => {
  it('registers a session, logs in twice, publishes, and both see it', async () => {
    const { management, url } = await startConsole()
    const consolePage = await openPage(browser, `${management}#/users`, look)
    const register = consolePage.getByRole('form', { name: 'auth/set' })
    await register.getByLabel('userId').fill('1')
    await register.getByLabel('sessionId').fill('test')
    await register.getByRole('button', { name: 'Register' }).click()
    await register.getByText('OK', { exact: true }).waitFor()

    const clients = [await openPage(browser, url, look), await openPage(browser, url, look)]
    for (const page of clients) {
      await logIn(page, '1', 'test')
      await page.getByText('Authorized as 1').waitFor()
    }
    const send = consolePage.getByRole('form', { name: 'user/publish' })
    await send.getByLabel('userId').fill('1')
    await send.getByLabel('message').fill('{"text":"hello, user 1"}')
    await send.getByRole('button', { name: 'Publish' }).click()
    await send.getByText('OK', { exact: true }).waitFor()

    for (const page of clients) await page.getByText('{"text":"hello, user 1"}').waitFor()
    await consolePage.getByRole('link', { name: '1', exact: true }).click()
    await consolePage.getByText('socketio from 127.0.0.1').nth(1).waitFor()
    await screenshot(consolePage, `user-${look.name}`)
    await screenshot(clients[0] as Page, `client-${look.name}`)
    expect(await overflow(clients[0] as Page)).toBe(0)
  })
})

/** The page of a server, logged in as user 1. */
async function loggedIn(started: Console): Promise<Page> {
  await started.server.users.sessions.set('1', 'test')
  const page = await openPage(browser, started.url, WIDE)
  await logIn(page, '1', 'test')
  await page.getByText('Authorized as 1').waitFor()
  return page
}

describe.skipIf(noChromium)("the client's page", () => {
  it('says why a login failed', async () => {
    const { url } = await startServer()
    const page = await openPage(browser, url, NARROW)
    await logIn(page, '1', 'unknown')
    await page.getByText(/^Error: /).waitFor()
  })

  it('follows a channel, too, and shows what came where', async () => {
    const started = await startConsole()
    const page = await loggedIn(started)
    await page.getByLabel('Follow a channel').fill('news')
    await page.getByRole('button', { name: 'Subscribe' }).click()
    await page.getByText('Subscribed to news.').waitFor()
    await started.server
      .hub()
      .publish({ channel: 'news' as ChannelName, body: Buffer.from('plain words') })
    await page.getByRole('log').getByText('plain words').waitFor()
    await page.getByRole('log').getByText('news', { exact: true }).waitFor()
  })

  it('is disconnected from the console', async () => {
    const started = await startConsole()
    const page = await loggedIn(started)
    const consolePage = await openPage(browser, `${started.management}#/users/1`, WIDE)
    await consolePage.getByRole('button', { name: /^Disconnect socketio/ }).click()
    await page.getByText(/^Disconnected/).waitFor()
  })

  it('says so when the socketio door is off', async () => {
    const { url } = await startServer('socketio: false')
    const page = await openPage(browser, url, WIDE)
    await logIn(page, '1', 'test')
    await page.getByText(/socketio door is off/).waitFor()
  })
})
