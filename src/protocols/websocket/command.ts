import { readSince } from '../../http/following.ts'
import type { Since } from '../../hub/contract.ts'
import { channelFromText, type ChannelName } from '../../model/channel.ts'
import { draftOf } from '../../model/envelope.ts'
import { FanfareError } from '../../model/errors.ts'
import type { Draft } from '../../model/message.ts'
import { Selectors } from '../../model/selector.ts'

/** What a client calls its frame by: a text or a number. */
export type Ref = string | number | undefined

/** What a client's frame asks for. `ref` is given back with the answer. */
export type Command =
  | {
      readonly kind: 'subscribe'
      readonly selectors: Selectors
      readonly names: readonly string[]
      readonly since: Since
      readonly ref: Ref
    }
  | {
      readonly kind: 'unsubscribe'
      readonly selectors: Selectors
      readonly names: readonly string[]
      readonly ref: Ref
    }
  | {
      readonly kind: 'publish'
      readonly draft: Draft
      readonly name: string
      readonly ref: Ref
    }
  | { readonly kind: 'ping'; readonly ref: Ref }

const VERBS = ['subscribe', 'unsubscribe', 'publish', 'ping'] as const
const MAX_REF = 256

/** A frame that is wrong, with the `ref` that it could still be answered by. */
export class CommandError extends Error {
  readonly error: unknown
  readonly ref: Ref

  constructor(error: unknown, ref: Ref) {
    super('bad frame')
    this.error = error
    this.ref = ref
  }
}

/**
 * Reads a client's frame: a JSON object with one of the verbs as a key.
 * @param maxNames channels that one frame may name
 * @param partitions of the store that cursors are for
 * @throws CommandError
 */
export function readCommand(text: string, maxNames: number, partitions: number): Command {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new CommandError(
      new FanfareError('bad_request', 'A frame is one JSON object.'),
      undefined,
    )
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CommandError(
      new FanfareError('bad_request', 'A frame is one JSON object.'),
      undefined,
    )
  }
  const frame = value as Record<string, unknown>
  let ref: Ref
  try {
    ref = readRef(frame['ref'])
    return read(frame, text, ref, { maxNames, partitions })
  } catch (error) {
    throw new CommandError(error, ref)
  }
}

/** Only what is small and flat is given back: the answer costs no more than the question. */
function readRef(ref: unknown): Ref {
  if (ref === undefined || typeof ref === 'number') return ref
  if (typeof ref === 'string' && ref.length <= MAX_REF) return ref
  throw new FanfareError(
    'bad_request',
    `\`ref\` is a number, or a text of at most ${MAX_REF} characters.`,
  )
}

interface Bounds {
  readonly maxNames: number
  readonly partitions: number
}

function read(
  frame: Record<string, unknown>,
  text: string,
  ref: Ref,
  { maxNames, partitions }: Bounds,
): Command {
  const verbs = VERBS.filter((verb) => frame[verb] !== undefined)
  if (verbs.length !== 1) {
    throw new FanfareError('bad_request', `A frame has one of: ${VERBS.join(', ')}.`)
  }
  const [verb] = verbs
  if (verb === 'subscribe') {
    only(frame, ['subscribe', 'since', 'ref'])
    return { kind: verb, ...named(frame[verb], maxNames), since: sinceOf(frame, partitions), ref }
  }
  if (verb === 'unsubscribe') {
    only(frame, ['unsubscribe', 'ref'])
    return { kind: verb, ...named(frame[verb], maxNames), ref }
  }
  if (verb === 'publish') {
    const name = frame[verb]
    const draft = draftOf(frame, text, channelOf(name), ['publish', 'ref'])
    return { kind: verb, draft, name: String(name), ref }
  }
  only(frame, ['ping', 'ref'])
  return { kind: 'ping', ref }
}

function only(frame: Record<string, unknown>, known: readonly string[]): void {
  const extra = Object.keys(frame).find((key) => !known.includes(key))
  if (extra !== undefined) {
    throw new FanfareError(
      'bad_request',
      `Unknown key ${JSON.stringify(extra.slice(0, 80))}; known here are ${known.join(', ')}.`,
    )
  }
}

function named(
  value: unknown,
  maxNames: number,
): { selectors: Selectors; names: readonly string[] } {
  const names: unknown[] = Array.isArray(value) ? value : [value]
  if (names.length === 0) throw new FanfareError('bad_channel', 'Name at least one channel.')
  // Before any work is done for each.
  if (names.length > maxNames) {
    throw new FanfareError('too_many', `One connection follows at most ${maxNames} channels.`)
  }
  const channels: ChannelName[] = []
  const prefixes: string[] = []
  for (const name of names) {
    const selected = typeof name === 'string' ? Selectors.parseText(name) : undefined
    if (!selected) {
      throw new FanfareError(
        'bad_channel',
        'A channel is a text of 1 to 512 bytes, or a list of them.',
      )
    }
    channels.push(...selected.channels)
    prefixes.push(...selected.prefixes)
  }
  return { selectors: new Selectors(channels, prefixes), names: names as string[] }
}

function sinceOf(frame: Record<string, unknown>, partitions: number): Since {
  const { since } = frame
  if (typeof since === 'number') return readSince(String(since), partitions)
  if (since !== undefined && typeof since !== 'string') throw new FanfareError('bad_cursor')
  return readSince(since, partitions)
}

function channelOf(value: unknown): ChannelName {
  const name = typeof value === 'string' ? channelFromText(value) : undefined
  if (name === undefined) throw new FanfareError('bad_channel')
  return name
}
