import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
/** It talks to nobody by itself. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Whether this machine has no Chromium, and tests with it are skipped. */
export const noChromium = process.env['FANFARE_TEST_MISSING']?.includes('Chromium') ?? false

/** A real Chromium, headless. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = PLACES.find((place) => existsSync(place)) ?? 'chromium'
  return chromium.launch({ executablePath, args: FLAGS })
}
