import type { HeaderLines } from '../../http/reply.ts'

/** What a publisher is told of a channel. */
export interface ChannelInfo {
  readonly messages: number
  /** Seconds since a subscriber last asked for it; -1 = never, or not remembered. */
  readonly requested: number
  readonly subscribers: number
}

const WANTED = /(text|application)\/(plain|json|yaml|xml|x-json|x-yaml)/

/**
 * Channel information in the form that Accept asks for first; weights are ignored and plain text is the
 * default, as in nginx_http_push_module 0.73, whose bytes these are.
 * @param ids ids of the messages just stored: JSON shows them where there were several
 */
export function channelInfo(
  info: ChannelInfo,
  accept: string | undefined,
  ids: readonly string[] = [],
): { headers: HeaderLines; body: string } {
  const wanted = WANTED.exec(accept ?? '')
  const type = wanted ? wanted[0] : 'text/plain'
  return {
    headers: [`Content-Type: ${type}`],
    body: BODIES[wanted?.[2] ?? 'plain']?.(info, ids) ?? '',
  }
}

type Body = (info: ChannelInfo, ids: readonly string[]) => string

function plain({ messages, requested, subscribers }: ChannelInfo): string {
  return `queued messages: ${messages}\r\nlast requested: ${requested} sec. ago (-1=never)\r\nactive subscribers: ${subscribers}\r\n`
}

function json({ messages, requested, subscribers }: ChannelInfo, ids: readonly string[]): string {
  const more = ids.length > 1 ? `, "ids": ${JSON.stringify(ids)}` : ''
  return `{"messages": ${messages}, "requested": ${requested}, "subscribers": ${subscribers}${more} }`
}

function yaml({ messages, requested, subscribers }: ChannelInfo): string {
  return `---\r\nmessages: ${messages}\r\nrequested: ${requested}\r\nsubscribers: ${subscribers}\r\n\r\n`
}

function xml({ messages, requested, subscribers }: ChannelInfo): string {
  return `<?xml version="1.0" encoding="UTF-8" ?>\r\n<channel>\r\n  <messages>${messages}</messages>\r\n  <requested>${requested}</requested>\r\n  <subscribers>${subscribers}</subscribers>\r\n</channel>\r\n`
}

const BODIES: Readonly<Record<string, Body>> = {
  plain,
  json,
  'x-json': json,
  yaml,
  'x-yaml': yaml,
  xml,
}
