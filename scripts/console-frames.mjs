// How smoothly the console draws: frames a second in Chromium while 5,000 messages a second pass through
// the channel that it shows.
//
//   node scripts/console-frames.mjs [seconds] [messages a second]
import { existsSync, mkdirSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { chromium } from 'playwright-core'
import { ensureBuilt, ensureInstalled, root } from './lib.mjs'

const SECONDS = Number(process.argv[2] ?? 5)
const RATE = Number(process.argv[3] ?? 5_000)
/** How often messages are sent, in ms. */
const EVERY = 10
const LEAST = 30
const RESULTS = join(root, 'test-results', 'console')

ensureInstalled()
ensureBuilt()
const main = join(root, 'dist', 'src', 'cli', 'main.js')
const ports = { main: 18_080, management: 18_181 }
const env = {
  ...process.env,
  FANFARE_PORT: String(ports.main),
  FANFARE_MANAGEMENT__PORT: String(ports.management),
  FANFARE_STORE: '{ type: memory }',
}
for (const door of ['FEED', 'REDIS', 'SPARKLESHARE', 'FANOUT']) env[`FANFARE_${door}`] = 'false'
const server = spawn(process.execPath, [main, 'serve'], {
  env,
  stdio: ['ignore', 'pipe', 'inherit'],
})
const browser = await chromium.launch({
  executablePath: ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path)),
  args: ['--no-sandbox', '--disable-gpu'],
})
try {
  await once(server.stdout, 'data')
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  await page.goto(`http://127.0.0.1:${ports.management}/#/channels/busy`)
  await page.getByText('Every message is shown.').waitFor()
  const stop = publish()
  await page.getByText('Too many to read').waitFor()
  await setTimeout(1_000)
  const frames = await page.evaluate(measure, SECONDS * 1000)
  const passing = await page.locator('.figures dd').first().innerText()
  mkdirSync(RESULTS, { recursive: true })
  await page.screenshot({ path: join(RESULTS, 'frames-channel.png') })
  await page.goto(`http://127.0.0.1:${ports.management}/#/`)
  await setTimeout(1_000)
  const overview = await page.evaluate(measure, SECONDS * 1000)
  await page.screenshot({ path: join(RESULTS, 'frames-overview.png') })
  await stop()
  report(`channel, ${passing} passing`, frames)
  report('overview', overview)
  if (frames.rate < LEAST) process.exitCode = 1
} finally {
  await browser.close()
  server.kill()
}

function report(what, { rate, longest, late }) {
  console.log(
    `${what}: ${rate.toFixed(1)} frames a second, the longest ${longest.toFixed(0)} ms, ` +
      `${late} of them over ${(1000 / LEAST).toFixed(0)} ms`,
  )
}

/** Runs in the page. */
function measure(length) {
  return new Promise((resolve) => {
    const started = performance.now()
    const times = [started]
    const frame = (now) => {
      times.push(now)
      if (now - started < length) return requestAnimationFrame(frame)
      const gaps = times.slice(2).map((time, index) => time - times[index + 1])
      resolve({
        rate: ((times.length - 2) * 1000) / (times.at(-1) - times[1]),
        longest: Math.max(...gaps),
        late: gaps.filter((gap) => gap > 1000 / 30).length,
      })
      return undefined
    }
    requestAnimationFrame(frame)
  })
}

/** @returns what ends it */
function publish() {
  let going = true
  let sent = 0
  const run = async () => {
    const started = performance.now()
    while (going) {
      const due = Math.floor(((performance.now() - started) / 1000) * RATE)
      const lines = Array.from({ length: due - sent }, () =>
        JSON.stringify({ body: `line ${sent++}` }),
      )
      if (lines.length > 0) {
        const headers = { 'Content-Type': 'application/x-ndjson' }
        const url = `http://127.0.0.1:${ports.main}/publisher/busy`
        const response = await fetch(url, { method: 'POST', headers, body: lines.join('\n') })
        await response.arrayBuffer()
      }
      await setTimeout(EVERY)
    }
  }
  const running = run()
  return async () => {
    going = false
    await running
  }
}
