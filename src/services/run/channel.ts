import type { Since } from '../../hub/contract.ts'
import { bytesToText, type ChannelName, channelFromText } from '../../model/channel.ts'
import { envelopeOf } from '../../model/envelope.ts'
import { parseCursor } from '../../model/cursor.ts'
import { FanfareError } from '../../model/errors.ts'
import { BEFORE_ALL } from '../../model/id.ts'
import { Selectors } from '../../model/selector.ts'
import type { channel } from '../definitions/channel.ts'
import type { ServiceContext } from './context.ts'
import { jsonMessage } from './message.ts'
import type { RunOf } from './values.ts'

/** Names that `listAll` gives. */
const MOST_NAMES = 10_000
/** Names that the store is asked for at a time. */
const NAMES_AT_ONCE = 1_000

const MOST_MESSAGES = 1_000
const MESSAGES = 100
/** Bytes of bodies, data and attributes that `history` gives. */
const HISTORY_BYTES = 8 * 2 ** 20

export function channelService({ users, config, counted }: ServiceContext): RunOf<typeof channel> {
  const { hub } = users
  return {
    subscribe: async (user, name) => users.subscribe(user, channelOf(name)),
    unsubscribe: async (user, name) => users.unsubscribe(user, channelOf(name)),
    unsubscribeAll: async (user) => users.unsubscribeAll(user),
    getSubscriptions: async (user) => (await users.subscriptionsOf(user)).map(bytesToText),
    getSubscribers: async (name) => users.subscribersOf(channelOf(name)),
    async publish(name, message) {
      await hub.publish({ ...jsonMessage(message, config), channel: channelOf(name) }, counted)
    },
    async listAll() {
      const names = new Set<string>((await users.channels()).slice(0, MOST_NAMES))
      let cursor = 0
      do {
        const page = await hub.channels(cursor, NAMES_AT_ONCE)
        for (const name of page.names) if (names.size < MOST_NAMES) names.add(name)
        cursor = page.cursor
      } while (cursor !== 0 && names.size < MOST_NAMES)
      return [...names].map(bytesToText)
    },
    async history(name, limit = MESSAGES, since) {
      if (limit < 1 || limit > MOST_MESSAGES) {
        throw new FanfareError('bad_argument', `limit: 1 to ${MOST_MESSAGES}.`)
      }
      const query = { selectors: Selectors.channel(channelOf(name)), limit, bytes: HISTORY_BYTES }
      const { messages, gap } =
        since === undefined
          ? { ...(await hub.read({ ...query, after: BEFORE_ALL, newest: true })), gap: undefined }
          : await hub.history(sinceOf(since, hub.partitions), query)
      return {
        messages: messages.map(
          (message) => JSON.parse(envelopeOf(message)) as Record<string, unknown>,
        ),
        gap: gap !== undefined,
      }
    },
    presence: async (name) => users.presence.of(channelOf(name)),
    async remove(name) {
      const found = channelOf(name)
      for (const user of await users.subscribersOf(found)) await users.unsubscribe(user, found)
      await hub.remove(found)
    },
  }
}

/** @throws FanfareError `bad_channel` */
function channelOf(text: string): ChannelName {
  const name = channelFromText(text)
  if (name === undefined) throw new FanfareError('bad_channel')
  return name
}

/** @throws FanfareError `bad_cursor` */
function sinceOf(text: string, partitions: number): Since {
  const after = parseCursor(text, partitions)
  if (after === undefined) throw new FanfareError('bad_cursor')
  return { kind: 'id', after }
}
