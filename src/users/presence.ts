import type { Hub } from '../hub/hub.ts'
import {
  bytesToText,
  type ChannelName,
  channelFromBytes,
  isPresenceChannel,
  PRESENCE_SUFFIX,
} from '../model/channel.ts'
import type { Facts } from '../stores/facts.ts'
import type { PresenceEvent } from './contract.ts'
import { KINDS } from './kinds.ts'
import type { ChannelRules } from '../access/rules.ts'

/** Where it is told who comes to a channel and goes; undefined when the name would be too long. */
export function presenceChannel(channel: ChannelName): ChannelName | undefined {
  return channelFromBytes(channel + PRESENCE_SUFFIX)
}

/**
 * Who is on a channel: users that are subscribed to it and there. For channels that the configuration
 * names (`users.presence`); who comes and goes is a message on `CHANNEL/@presence`, so that it leaves
 * by every door.
 */
export class Presence {
  readonly #facts: Facts
  readonly #hub: Hub
  /** Which channels those are. */
  rules: ChannelRules

  constructor(facts: Facts, hub: Hub, rules: ChannelRules) {
    this.#facts = facts
    this.#hub = hub
    this.rules = rules
  }

  isOn(channel: ChannelName): boolean {
    return !isPresenceChannel(channel) && this.rules.allow(channel)
  }

  async of(channel: ChannelName): Promise<string[]> {
    return [...(await this.#facts.list(KINDS.present, channel)).keys()]
  }

  /** Told once, however many say so at once, on whatever nodes. */
  async join(channel: ChannelName, user: string): Promise<void> {
    if (!this.isOn(channel)) return
    const since = String(Date.now())
    const { done, size } = await this.#facts.set(KINDS.present, channel, user, since, {
      when: 'new',
    })
    if (done) await this.#tell(channel, 'join', user, size)
  }

  /** Likewise. */
  async leave(channel: ChannelName, user: string): Promise<void> {
    const { done, size } = await this.#facts.set(KINDS.present, channel, user, undefined, {
      when: 'known',
    })
    if (done) await this.#tell(channel, 'leave', user, size)
  }

  async #tell(
    channel: ChannelName,
    presence: PresenceEvent,
    user: string,
    present: number,
  ): Promise<void> {
    const name = presenceChannel(channel)
    if (name === undefined) return
    const event = { presence, user, channel: bytesToText(channel), present }
    await this.#hub.publish({
      channel: name,
      body: Buffer.from(JSON.stringify(event)),
      contentType: 'application/json',
    })
  }
}
