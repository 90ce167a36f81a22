import { readSince } from '../../http/following.ts'
import { NOW, type Since } from '../../hub/contract.ts'
import { channelFromText, type ChannelName } from '../../model/channel.ts'
import { draftOf } from '../../model/envelope.ts'
import { FanfareError } from '../../model/errors.ts'
import type { Draft } from '../../model/message.ts'

/** What a client asks for by an event. */
export type Command =
  | {
      readonly kind: 'subscribe'
      readonly names: readonly string[]
      readonly as: 'user' | 'session'
      readonly since: Since
    }
  | { readonly kind: 'unsubscribe'; readonly names: readonly string[] }
  | { readonly kind: 'publish'; readonly draft: Draft; readonly name: string }
  | { readonly kind: 'presence'; readonly channel: ChannelName; readonly name: string }

const TEXT_TYPE = 'text/plain; charset=utf-8'

/** What a publisher may say beside the message. */
const PUBLISH_OPTIONS = ['type', 'data', 'attributes', 'ttl', 'key', 'encoding']

/**
 * Reads an event and its arguments.
 * @param maxNames channels that one event may name
 * @param partitions of the store that cursors are for
 * @throws FanfareError saying what is wrong; `bad_request` for events that mean nothing here
 */
export function readCommand(
  event: string,
  args: readonly unknown[],
  { maxNames, partitions }: { readonly maxNames: number; readonly partitions: number },
): Command {
  switch (event) {
    case 'subscribe': {
      const options = optionsOf(args[1], ['as', 'since'])
      const { as = 'user' } = options
      if (as !== 'user' && as !== 'session') {
        throw new FanfareError('bad_request', '`as` is "user" or "session".')
      }
      const since = sinceOf(options, partitions)
      return { kind: event, names: namesOf(args[0], maxNames), as, since }
    }
    case 'unsubscribe':
      return { kind: event, names: namesOf(args[0], maxNames) }
    case 'publish': {
      const { channel, name } = channelOf(args[0])
      return { kind: event, draft: readDraft(channel, args[1], args[2]), name }
    }
    case 'presence':
      return { kind: event, ...channelOf(args[0]) }
    default:
      throw new FanfareError(
        'bad_request',
        'Events here are subscribe, unsubscribe, publish and presence; what else a client sends goes nowhere.',
      )
  }
}

function readDraft(channel: ChannelName, message: unknown, said: unknown): Draft {
  if (message === undefined || message === null || typeof message === 'function') {
    throw new FanfareError('bad_message', 'A message is any JSON but null, or bytes.')
  }
  const options = optionsOf(said, PUBLISH_OPTIONS)
  const value: Record<string, unknown> = { ...options }
  if (Buffer.isBuffer(message)) {
    Object.assign(value, { body: message.toString('base64'), encoding: 'base64' })
  } else if (typeof message === 'string') {
    // A text stays one, whatever it looks like.
    Object.assign(value, { body: message, type: options['type'] ?? TEXT_TYPE })
  } else {
    if (options['data'] !== undefined) {
      throw new FanfareError('bad_message', '`data` goes with a text; this message is data itself.')
    }
    value['data'] = message
  }
  return draftOf(value, JSON.stringify(value), channel)
}

function optionsOf(said: unknown, known: readonly string[]): Record<string, unknown> {
  if (said === undefined || said === null) return {}
  if (typeof said !== 'object' || Array.isArray(said)) {
    throw new FanfareError('bad_request', `Options are an object of ${known.join(', ')}.`)
  }
  const extra = Object.keys(said).find((key) => !known.includes(key))
  if (extra !== undefined) {
    throw new FanfareError(
      'bad_request',
      `Unknown option ${JSON.stringify(extra.slice(0, 80))}; known here are ${known.join(', ')}.`,
    )
  }
  return { ...said }
}

function namesOf(value: unknown, maxNames: number): readonly string[] {
  const names: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (names.length === 0) throw new FanfareError('bad_channel', 'Name at least one channel.')
  if (names.length > maxNames) {
    throw new FanfareError('too_many', `One connection follows at most ${maxNames} channels.`)
  }
  return names.map((name) => {
    if (typeof name === 'string') return name
    throw new FanfareError(
      'bad_channel',
      'A channel is a text of 1 to 512 bytes, or a list of them.',
    )
  })
}

function channelOf(value: unknown): { channel: ChannelName; name: string } {
  const channel = typeof value === 'string' ? channelFromText(value) : undefined
  if (channel === undefined) throw new FanfareError('bad_channel')
  return { channel, name: String(value) }
}

function sinceOf({ since }: Record<string, unknown>, partitions: number): Since {
  if (since === undefined || since === null) return NOW
  if (typeof since !== 'string' && typeof since !== 'number') throw new FanfareError('bad_cursor')
  return readSince(String(since), partitions)
}
