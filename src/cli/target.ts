import { channelFromText, channelPath } from '../model/channel.ts'

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
  const base = parse(server)
  if (target === '/' && location === 'events') return new URL(`/${location}/?channel=%2F`, base)
  const channel = channelFromText(target)
  if (channel === undefined) throw new UsageError('a channel has 1 to 512 bytes')
  const slash = base.pathname.endsWith('/') ? '' : '/'
  return new URL(`${base.pathname}${slash}${location}/${channelPath(channel)}`, base)
}

function parse(text: string): URL {
  try {
    return new URL(text)
  } catch {
    throw new UsageError(`not a URL: ${text}`)
  }
}
