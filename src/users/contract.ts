import type { ChannelName } from '../model/channel.ts'

/** One live connection of a user, as its door gives it. */
export interface UserConnection {
  /** Unlike any other connection's, on any node. */
  readonly id: string
  /** The door that it came by. */
  readonly door: string
  /** The address at its other end. */
  readonly peer: string
  /** The user follows this, too, or no longer. MUST NOT throw. */
  subscribed(channel: ChannelName): void
  unsubscribed(channel: ChannelName): void
  /** The user is subscribed to these and no others; what changed was not heard of. MUST NOT throw. */
  resubscribed(channels: readonly ChannelName[]): void
  /** The user was removed: nothing more is for this connection, which stays open. */
  removed(): void
  /** Closes it. */
  disconnect(): void
}

/** What is known of a connection everywhere. */
export interface ConnectionInfo {
  readonly id: string
  readonly user: string
  readonly door: string
  readonly peer: string
  /** ms since 1970 */
  readonly since: number
  /** The node that holds it. */
  readonly node: string
  /** Which life of that node: another one has not got this connection. */
  readonly incarnation: string
  /** Where clients reach that node. */
  readonly url: string
}

/** A connection that has logged in. */
export interface Login {
  readonly user: string
  /** What the user is subscribed to at this moment. */
  readonly channels: readonly ChannelName[]
  /** The connection has gone. */
  left(): void
}

/** Who is there: `join` with a user's first presence on a channel, `leave` with its last. */
export type PresenceEvent = 'join' | 'leave'
