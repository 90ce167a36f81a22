/** The kinds of facts about users, and what their owners, items and values are. */
export const KINDS = {
  /** digest of a session, `user`: the user */
  session: 'session',
  /** user, digest of a session: since when */
  sessions: 'sessions',
  /** user, channel */
  subscriptions: 'subscriptions',
  /** channel, user */
  subscribers: 'subscribers',
  /** user, connection: `ConnectionInfo` */
  connections: 'connections',
  /** life of a node, connection: user */
  held: 'held',
  /** node, incarnation: where clients reach it. The lives that may hold connections */
  lives: 'lives',
  /** life of a node, connection: what is asked of that node, a `Wish` */
  asked: 'asked',
  /** '', user without a connection who still counts as there: until when (`Away`) */
  away: 'away',
  /** channel, user that is subscribed and there: since when */
  present: 'present',
} as const

/** What one node may ask another to do with a connection of its. */
export type Wish = 'disconnect' | 'remove'

/** One life of a node: from the start of its process to the end. */
export interface Life {
  readonly node: string
  readonly incarnation: string
}

/** A life as one text; no two lives have the same. */
export function lifeKey({ node, incarnation }: Life): string {
  return `${node.length}:${node}${incarnation}`
}
