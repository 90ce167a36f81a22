/** What those are told who may not. */
import { bytesToText } from '../model/channel.ts'
import { FanfareError } from '../model/errors.ts'
import type { Selectors } from '../model/selector.ts'
import { type Caller, shownCaller } from './caller.ts'
import type { Verdict } from './hook.ts'
import type { Credentials } from './trust.ts'

/** Somebody on this machine asks for a name that may be anybody's. */
export function wrongHost(request: Credentials): FanfareError {
  const host = JSON.stringify((request.header('host') ?? '').slice(0, 80))
  return new FanfareError(
    'wrong_host',
    `This machine asks for ${host}: a page could have pointed that here, or a proxy does not say that it is one.`,
    'Ask for localhost or an address; name the page in allow_origin; have the proxy send X-Forwarded-For, and ' +
      'name it in trustedProxies.',
  )
}

/** @throws FanfareError with the hook's own words, where it has any */
export function mustBeAllowed(
  { allow, reason }: Verdict,
  code: 'forbidden' | 'not_authorized',
  words: string,
): void {
  if (!allow) throw new FanfareError(code, reason ?? words)
}

/** Why somebody may not follow something. */
export function mayNot(
  caller: Caller,
  action: 'subscribe' | 'history',
  selectors: Selectors,
): FanfareError {
  const names = [
    ...selectors.channels,
    ...selectors.prefixes.map((prefix) => prefix || '/'),
    ...selectors.patterns,
  ]
  const what = names.length === 1 ? shown(names[0] ?? '') : 'all of that'
  const words =
    action === 'subscribe'
      ? `may not subscribe to ${what}`
      : `may not read what was published before on ${what}: ask for what is new alone`
  return new FanfareError('forbidden', `${upper(shownCaller(caller))} ${words}.`)
}

/** A channel for people. @param name one character a byte */
export function shown(name: string): string {
  return JSON.stringify(bytesToText(name).slice(0, 80))
}

/** For the beginning of a sentence. */
export function upper(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1)
}
