import type { Received } from '../client/source.ts'

/** What a desktop shows. */
export interface Notification {
  readonly title: string
  readonly body: string
  readonly urgency: 'low' | 'normal' | 'critical'
  readonly url?: string
}

const MAX_TITLE = 120
const MAX_BODY = 1_000
const MAX_URL = 2_000

/**
 * A message as a notification. As Notistream's client does it, what stands before the first colon is
 * the title; where there is none, the channel is.
 */
export function notificationOf({
  channel,
  body,
  encoding,
  attributes = {},
}: Received): Notification {
  const text =
    encoding === 'base64' ? `${Buffer.byteLength(body, 'base64')} bytes that are no text` : body
  const { title, rest } = split(text)
  const { urgency, url } = attributes
  return {
    title: clean(title === '' ? channel : title, MAX_TITLE).replace(/\s+/g, ' '),
    body: clean(rest, MAX_BODY),
    urgency: urgency === 'low' || urgency === 'critical' ? urgency : 'normal',
    ...(isLink(url) ? { url } : {}),
  }
}

/** What stands for many. */
export function summaryOf(count: number, channels: number, what: string): Notification {
  const messages = `${count} ${what}${count === 1 ? '' : 's'}`
  const where = `${channels} channel${channels === 1 ? '' : 's'}`
  return { title: 'Fanfare', body: `${messages} on ${where}`, urgency: 'normal' }
}

function split(text: string): { title: string; rest: string } {
  const colon = text.indexOf(':')
  const title = text.slice(0, Math.max(colon, 0)).trim()
  // The colon of a URL, or one far down the text, ends no title.
  if (colon === -1 || text.startsWith('//', colon + 1) || /[\r\n]/.test(title)) {
    return { title: '', rest: text.trim() }
  }
  if (title.length > MAX_TITLE) return { title: '', rest: text.trim() }
  return { title, rest: text.slice(colon + 1).trim() }
}

/** Without what may do more than show text. */
function clean(text: string, max: number): string {
  const plain = text
    .replace(/\r\n?/g, '\n')
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, ' ')
    .trim()
  const short = plain.length <= max ? plain : `${plain.slice(0, max - 1)}…`
  // Half of a pair of surrogates is no text.
  return Buffer.from(short).toString('utf8')
}

function isLink(url: string | undefined): url is string {
  if (url === undefined || url.length > MAX_URL || !URL.canParse(url)) return false
  return /^https?:\/\/[\x21-\x7e]+$/i.test(url)
}
