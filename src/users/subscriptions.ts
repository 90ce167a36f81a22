import type { ChannelName } from '../model/channel.ts'
import { FanfareError } from '../model/errors.ts'
import type { Facts } from '../stores/facts.ts'
import { KINDS } from './kinds.ts'
import type { Presence } from './presence.ts'

export interface SubscriptionLimits {
  /** Channels of one user. */
  readonly maxSubscriptions: number
  /** Users that are subscribed to anything. */
  readonly maxUsers: number
}

/** Nodes that change the same thing at the same moment do not go on doing so. */
const MOST_LOOKS = 100

/**
 * What users are subscribed to, and on what channels they are present by that.
 *
 * The user's fact holds. The channel's list, and presence, follow from it: whoever has changed it brings
 * them to what it is, and looks afterwards whether it still is that. So they end up alike, whatever
 * several nodes do at once. A node that ends while it subscribes a user leaves a channel that lists one too
 * many, at most, and unsubscribing ends that.
 */
export class Subscriptions {
  readonly #facts: Facts
  readonly #presence: Presence
  readonly #isThere: (user: string) => Promise<boolean>
  readonly #limits: () => SubscriptionLimits

  /** @param isThere whether a user counts as there */
  constructor(
    facts: Facts,
    presence: Presence,
    isThere: (user: string) => Promise<boolean>,
    limits: () => SubscriptionLimits,
  ) {
    this.#facts = facts
    this.#presence = presence
    this.#isThere = isThere
    this.#limits = limits
  }

  /** @throws FanfareError `too_many` */
  async add(user: string, channel: ChannelName): Promise<void> {
    if (await this.#has(user, channel)) return
    const { maxSubscriptions, maxUsers } = this.#limits()
    await this.#facts.set(KINDS.subscribers, channel, user, '')
    const { done, size, former } = await this.#facts.set(KINDS.subscriptions, user, channel, '', {
      when: 'new',
      maxItems: maxSubscriptions,
      maxOwners: maxUsers,
    })
    await this.#follow(user, channel, done || former !== undefined)
    if (done || former !== undefined) return
    const detail =
      size > 0
        ? `A user has at most ${maxSubscriptions} subscriptions.`
        : `This server has at most ${maxUsers} users.`
    throw new FanfareError('too_many', detail)
  }

  /** The user's fact goes last: who finds it, because somebody ended on the way, does all of it again. */
  async remove(user: string, channel: ChannelName): Promise<void> {
    await this.#presence.leave(channel, user)
    await this.#facts.set(KINDS.subscribers, channel, user, undefined, { when: 'known' })
    await this.#facts.set(KINDS.subscriptions, user, channel, undefined, { when: 'known' })
    await this.#follow(user, channel, false)
  }

  async removeAll(user: string): Promise<void> {
    for (const channel of await this.of(user)) await this.remove(user, channel)
  }

  async of(user: string): Promise<ChannelName[]> {
    return [...(await this.#facts.list(KINDS.subscriptions, user)).keys()] as ChannelName[]
  }

  /** Brings a user's presence to what it is: on channels that it is subscribed to, while it is there. */
  async settle(user: string, channel: ChannelName): Promise<void> {
    if (!this.#presence.isOn(channel)) {
      await this.#presence.leave(channel, user)
      return
    }
    const isPresent = async (): Promise<boolean> =>
      (await this.#has(user, channel)) && (await this.#isThere(user))
    let present = await isPresent()
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      if (present) await this.#presence.join(channel, user)
      else await this.#presence.leave(channel, user)
      const before = present
      present = await isPresent()
      if (present === before) return
    }
  }

  /** @param isSubscribed as it was a moment ago */
  async #follow(user: string, channel: ChannelName, isSubscribed: boolean): Promise<void> {
    let known = isSubscribed
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      const value = known ? '' : undefined
      const when = known ? 'new' : 'known'
      await this.#facts.set(KINDS.subscribers, channel, user, value, { when })
      const before = known
      known = await this.#has(user, channel)
      if (known === before) break
    }
    await this.settle(user, channel)
  }

  async #has(user: string, channel: ChannelName): Promise<boolean> {
    return (await this.#facts.get(KINDS.subscriptions, user, channel)) !== undefined
  }
}
