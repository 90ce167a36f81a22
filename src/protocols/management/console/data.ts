/** What the console's endpoints answer. Types only: the page imports them, too. */

/** What went through a door; rates are those of the last second. */
export interface DoorTraffic {
  readonly name: string
  readonly connections: number
  readonly accepted: number
  readonly published: number
  readonly delivered: number
  readonly bytes: number
  readonly gaps: number
  readonly wentBehind: number
  readonly refused: number
  /** Subscriptions, whatever they follow. */
  readonly followers: number
  /** Those of them that are fed from the store. */
  readonly behind: number
  readonly publishRate: number
  readonly deliveryRate: number
  readonly byteRate: number
}

/** A subscriber that reads more slowly than is published. */
export interface SlowSubscriber {
  readonly door: string
  readonly channels: readonly string[]
  /** Bytes. */
  readonly unsent: number
  /** The id up to which it has everything. */
  readonly position: string
}

/** Event `snapshot` of `/console/overview`, once a second. */
export interface Snapshot {
  /** ms since 1970 */
  readonly time: number
  /** Seconds. */
  readonly uptime: number
  /** Messages a second; the console's own streams do not count. */
  readonly deliveries: number
  readonly publishes: number
  readonly connections: number
  /** Bytes. */
  readonly rss: number
  readonly heap: number
  /** How late the event loop was, in ms. */
  readonly delay: { readonly p50: number; readonly p99: number }
  readonly channels: number
  readonly users: number
  readonly doors: readonly DoorTraffic[]
  readonly slow: readonly SlowSubscriber[]
  /** Since the start; the errors themselves come as event `errors` when there are new ones. */
  readonly errors: number
}

export interface ErrorEntry {
  /** ms since 1970 */
  readonly time: number
  readonly text: string
}

export interface ChannelRow {
  /** The name's bytes, percent-encoded. */
  readonly id: string
  readonly name: string
  readonly messages: number
  /** Messages a second; null: not known yet. */
  readonly rate: number | null
  readonly bytes: number
  readonly subscribers: number
  readonly doors: Readonly<Record<string, number>>
}

export type ChannelSort = 'name' | 'messages' | 'rate' | 'bytes' | 'subscribers'

/** `/console/channels` */
export interface ChannelList {
  /** Channels that match. */
  readonly total: number
  /** All channels of the store. */
  readonly known: number
  /** More match than are looked at. */
  readonly cut: boolean
  readonly offset: number
  readonly rows: readonly ChannelRow[]
}

export interface MessageView {
  readonly id: string
  readonly channel: string
  /** ms since 1970 */
  readonly time: number
  readonly type: string | null
  /** Bytes of the body. */
  readonly size: number
  /** The body as text, or its beginning; null when it is no text. */
  readonly text: string | null
  /** Whether `text` is the beginning only. */
  readonly cut: boolean
  readonly data: string | null
  readonly attributes: Readonly<Record<string, string>> | null
}

/** Event `replay` of `/console/messages`: once, before all others. */
export interface Replay {
  readonly messages: readonly MessageView[]
  /** There are more than are shown. */
  readonly more: boolean
  readonly gap: { readonly from: string; readonly to: string } | null
}

/** Event `messages`: those that are shown. */
export type Shown = readonly MessageView[]

/** Event `tick`, once a second. */
export interface ChannelTick {
  /** Messages that came in this second, and how many of them are shown. */
  readonly passed: number
  readonly shown: number
  /** Of a channel that is known; not of a subtree. */
  readonly messages: number | null
  readonly bytes: number | null
  readonly doors: Readonly<Record<string, number>>
}

export interface UserRow {
  readonly user: string
  readonly connections: number
  readonly sessions: number
  readonly subscriptions: number
}

/** `/console/users` */
export interface UserList {
  readonly total: number
  readonly offset: number
  readonly rows: readonly UserRow[]
}

export interface UserConnectionView {
  readonly id: string
  readonly door: string
  readonly peer: string
  /** ms since 1970 */
  readonly since: number
  readonly node: string
}

/** `/console/user` */
export interface UserView {
  readonly user: string
  /** Connected, or gone for so short a time that it can be published to. */
  readonly there: boolean
  readonly connections: readonly UserConnectionView[]
  readonly sessions: readonly { readonly digest: string; readonly since: number }[]
  readonly subscriptions: readonly string[]
}
