/**
 * Channel names: 1 to 512 bytes, any bytes.
 *
 * Inside the program a name is a "binary" string, one character (0 to 255) per byte: a Map key that
 * holds every byte, costs one byte a character in V8, and compares without decoding. Only what is
 * shown to people or written into JSON is turned into text.
 */
declare const brand: unique symbol
export type ChannelName = string & { readonly [brand]: 'ChannelName' }

/** The longest name, in bytes. */
export const MAX_CHANNEL_BYTES = 512

/**
 * Logs that are no client's to name, such as what a user was sent: their names begin with a character
 * that is no byte, so no door can spell one, and no subtree or pattern selects one.
 */
const PRIVATE = '\u0100'

/** @param space what it is a log of; @param key UTF-8 text that tells it from the others there */
export function privateName(space: string, key: string): ChannelName {
  return `${PRIVATE}${space}/${textToBytes(key)}` as ChannelName
}

/** What `privateName` was given as key, if it is a name of that space. */
export function privateKey(space: string, name: ChannelName): string | undefined {
  const start = `${PRIVATE}${space}/`
  return name.startsWith(start) ? bytesToText(name.slice(start.length)) : undefined
}

export function isPrivate(name: ChannelName): boolean {
  return name.charCodeAt(0) > 0xff
}

/** Behind a channel's name: where it is told who comes and goes. */
export const PRESENCE_SUFFIX = '/@presence'

/** Whether it is told there who comes and goes: that is no client's to publish. */
export function isPresenceChannel(name: ChannelName): boolean {
  return name.endsWith(PRESENCE_SUFFIX)
}

const ASCII = /^[\x20-\x7e]*$/

/** UTF-8 text → one character per byte. */
export function textToBytes(text: string): string {
  return ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}

/** One character per byte → text; bytes that are not UTF-8 show as U+FFFD. */
export function bytesToText(bytes: string): string {
  return ASCII.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8')
}

/**
 * A name from its bytes. One leading `/` does not count, so `/a/b` and `a/b` are one channel.
 * Undefined when nothing is left or the name is over 512 bytes.
 */
export function channelFromBytes(bytes: string): ChannelName | undefined {
  const name = bytes.charCodeAt(0) === 0x2f ? bytes.slice(1) : bytes
  if (name.length === 0 || name.length > MAX_CHANNEL_BYTES) return undefined
  return name as ChannelName
}

/** A name from UTF-8 text, as JSON and the command line give it. */
export function channelFromText(text: string): ChannelName | undefined {
  // A text of n characters has at least n bytes: do not encode what cannot fit.
  if (text.length > MAX_CHANNEL_BYTES + 1) return undefined
  return channelFromBytes(textToBytes(text))
}

const HEX = /^[0-9A-Fa-f]{2}$/

/**
 * Percent-decodes the bytes of a URL part. `+` stays `+`: this is for paths.
 * Undefined when a `%` is not followed by two hexadecimal digits.
 */
export function percentDecode(raw: string): string | undefined {
  if (!raw.includes('%')) return raw
  let out = ''
  let from = 0
  for (let at = raw.indexOf('%'); at !== -1; at = raw.indexOf('%', from)) {
    const digits = raw.slice(at + 1, at + 3)
    if (!HEX.test(digits)) return undefined
    out += raw.slice(from, at) + String.fromCharCode(Number.parseInt(digits, 16))
    from = at + 3
  }
  return out + raw.slice(from)
}

/** A name as part of a URL path: every byte that is not plainly safe becomes %XX; `/` stays. */
export function channelPath(name: ChannelName): string {
  return name.replace(
    /[^A-Za-z0-9\-._~/]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}
