import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { launchChromium } from '../support/chromium.ts'

/** Where screenshots are kept, for people to look at. */
const RESULTS = 'test-results/console'

/** Builds the pages if they have changed, and starts Chromium. */
export async function launch(): Promise<Browser> {
  execFileSync(process.execPath, ['scripts/console.mjs'], { stdio: 'inherit' })
  mkdirSync(RESULTS, { recursive: true })
  return launchChromium()
}

export interface Look {
  readonly width: number
  readonly height?: number
  readonly dark?: boolean
}

/** A browser of its own. What goes wrong in a page fails the test. */
export async function openContext(browser: Browser, look: Look): Promise<BrowserContext> {
  const { width, height = 844, dark = false } = look
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
  })
  context.setDefaultTimeout(10_000)
  const failures: string[] = []
  context.on('weberror', (error) => failures.push(String(error.error())))
  context.on('console', (message) => {
    // Refused by the policy of the page, say; answers of 401 and 404 are what some tests are about.
    const words = message.text()
    if (message.type() === 'error' && !words.includes('Failed to load')) failures.push(words)
  })
  onTestFinished(async () => {
    await context.close()
    if (failures.length > 0) throw new Error(`the page failed: ${failures.join('; ')}`)
  })
  return context
}

export async function openPage(browser: Browser, url: string, look: Look): Promise<Page> {
  const page = await (await openContext(browser, look)).newPage()
  await page.goto(url)
  return page
}

export async function screenshot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${RESULTS}/${name}.png` })
}

/** How many pixels of a page stick out to the right. */
export async function overflow(page: Page): Promise<number> {
  // As text: names of a page are none of a program on Node.
  const root = 'document.documentElement'
  return page.evaluate<number>(`${root}.scrollWidth - ${root}.clientWidth`)
}
