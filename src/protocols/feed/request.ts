import { channelFromBytes, type ChannelName, percentDecode } from '../../model/channel.ts'
import { Selectors } from '../../model/selector.ts'

/** A request head, as GitPubSub reads one: line by line. */
export interface FeedRequest {
  /** In capitals, as the original makes it. */
  readonly method: string
  /** As sent: a query is part of the name, as in the original. */
  readonly uri: string
  /** @param name in lower case; of several the last */
  header(name: string): string | undefined
}

const REQUEST_LINE = /^([A-Za-z]+) (\S+) HTTP\/1\.\d$/

/**
 * Reads a head; LF and CR LF both end a line. Lines without a colon are passed by, as in the original.
 * @param text the head without its last, empty line; one character a byte
 * @returns undefined when the first line is no request line
 */
export function readHead(text: string): FeedRequest | undefined {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
  const match = REQUEST_LINE.exec(lines[0] ?? '')
  if (!match) return undefined
  const headers = new Map<string, string>()
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  return {
    method: (match[1] ?? '').toUpperCase(),
    // Clients of a proxy name the host too.
    uri: (match[2] ?? '').replace(/^https?:\/\/[^/]*/i, '') || '/',
    header: (name) => headers.get(name),
  }
}

/**
 * What a GET follows: the path itself and all below it. `/x/` is only what is below, `/` everything; a
 * trailing `*` or `/*` does not count, as `/json/*` is what everyone was told to ask for.
 * @returns undefined when it is no name
 */
export function selectorsOf(uri: string): Selectors | undefined {
  const path = percentDecode(uri.replace(/\/?\*$/, ''))
  if (path === undefined) return undefined
  if (path === '' || path === '/') return new Selectors([], [''])
  const name = channelFromBytes(path)
  if (name === undefined) return undefined
  return name.endsWith('/') ? new Selectors([], [name]) : new Selectors([name], [`${name}/`])
}

/** The channel that a POST names; undefined when it is no name. */
export function channelOf(uri: string): ChannelName | undefined {
  const path = percentDecode(uri)
  return path === undefined ? undefined : channelFromBytes(path)
}

/**
 * X-Fetch-Since: unix time in seconds. What is no number counts as now, as in the original.
 * @returns undefined for now
 */
export function fetchSince(text: string | undefined): number | undefined {
  if (text === undefined || !/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text))
    return undefined
  const seconds = Number(text)
  return Number.isFinite(seconds) ? seconds : undefined
}
