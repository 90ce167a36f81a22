import { channelFromText, type ChannelName, channelPath } from '../model/channel.ts'

/** A mistake in what the user typed: shown without a stack. */
export class UsageError extends Error {}

/** Whether an argument is a URL rather than the name of a channel. */
function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
}

/**
 * The URL that a command is about: a URL as it is, or a channel of a server with the default
 * locations.
 * @param location the default location: `events` or `publisher`
 * @throws UsageError
 */
export function targetUrl(target: string, server: string, location: string): URL {
  if (isUrl(target)) return parse(target)
  const url = parse(server)
  const slash = url.pathname.endsWith('/') ? '' : '/'
  const base = `${url.pathname}${slash}${location}/`
  url.hash = ''
  url.search = ''
  if (target === '/' && location === 'events') {
    url.pathname = base
    url.searchParams.set('channel', '/')
    return url
  }
  const channel = channelFromText(target)
  if (channel === undefined) throw new UsageError('a channel has 1 to 512 bytes')
  url.pathname = base + pathOf(channel)
  return url
}

/** Protocols whose URLs have a password, which is where a key goes. */
const WITH_KEYS = new Set(
  ['http', 'https', 'ws', 'wss', 'redis', 'rediss', 'feed', 'feeds'].map((name) => `${name}:`),
)

/**
 * The key that is to be shown, for commands that take it by itself.
 * @param given on the command line; else it is looked for in the environment, as FANFARE_KEY
 */
export function keyGiven(given: string | undefined): string | undefined {
  return (given ?? process.env['FANFARE_KEY']) || undefined
}

/** Likewise for the management port, whose own key has a name of its own. */
export function managementKeyGiven(flags: {
  readonly accessKey?: string
  readonly key?: string
}): string | undefined {
  const given = flags.accessKey ?? flags.key
  return given ?? (process.env['FANFARE_MANAGEMENT__KEY'] || keyGiven(undefined))
}

/**
 * A URL with the key that is to be shown: as its password, unless it has one.
 * @param given on the command line; else it is looked for in the environment, as FANFARE_KEY
 * @throws UsageError where one was given, and cannot be shown
 */
export function withKey(url: URL, given: string | undefined): URL {
  const key = keyGiven(given)
  if (key === undefined) return url
  // A server of ZeroMQ that wants no key takes nobody who shows one: that has to be said.
  const may = given !== undefined && url.protocol === 'zmq:'
  if (!WITH_KEYS.has(url.protocol) && !may) {
    if (given === undefined) return url
    throw new UsageError(`${url.protocol} URLs carry no key: the server goes by the address there`)
  }
  if (url.password === '') url.password = encodeURIComponent(key)
  return url
}

/**
 * A name as the rest of a path. The server takes one leading `/` off, and URLs lose `.` and `..`
 * between slashes: names with those are given with an escaped slash before each part.
 */
function pathOf(channel: ChannelName): string {
  const path = channelPath(channel)
  const parts = path.split('/')
  if (parts[0] !== '' && !parts.includes('.') && !parts.includes('..')) return path
  return parts.map((part) => `%2F${part}`).join('')
}

function parse(text: string): URL {
  try {
    return new URL(text)
  } catch {
    throw new UsageError(`not a URL: ${text}`)
  }
}
