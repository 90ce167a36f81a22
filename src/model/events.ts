/** What the log tells. The names are for programs that read it: they stay. */

interface EventKind {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  /** What has happened, for the reference. */
  readonly words: string
}

export const EVENTS = {
  'server.started': { level: 'info', words: 'The server listens: `url`, `places`, `version`.' },
  'server.stopping': { level: 'info', words: 'It was told to stop.' },
  'server.open': {
    level: 'warn',
    words: 'Ports (`addresses`) can be reached from other machines.',
  },
  'server.error': {
    level: 'error',
    words:
      'Something failed while no client was waiting for an answer, or one was told `internal`: `door`, `peer`, `stack`.',
  },
  'config.warning': { level: 'warn', words: 'Something in the configuration may not be meant.' },
  'config.problem': { level: 'error', words: 'A mistake in a configuration that was to be read.' },
  'config.refused': { level: 'error', words: 'It was not applied; the former one holds on.' },
  'config.applied': {
    level: 'info',
    words: 'It was read again: `changed`, `restarted`, `later`.',
  },
  'config.unwatched': { level: 'warn', words: 'Its file is not watched for changes.' },
  'store.damage': {
    level: 'warn',
    words: 'What was found when a store was opened or read: a torn tail, damaged bytes.',
  },
  'store.unavailable': { level: 'error', words: 'A store takes no messages: disk, or Redis.' },
  'store.available': { level: 'info', words: 'It takes them again.' },
  'store.doubt': {
    level: 'error',
    words: 'What was written last is not safe: it is written anew, or may be lost.',
  },
  'store.upkeep': { level: 'warn', words: 'Old files stay for now.' },
  'cluster.redis': {
    level: 'warn',
    words: 'The Redis in which nodes meet was lost, or is there again.',
  },
  'cluster.cut_off': { level: 'error', words: 'The lease of this node has run out.' },
  'cluster.back': { level: 'info', words: 'This node is back in its cluster.' },
  'cluster.displaced': {
    level: 'error',
    words: 'Another process has taken the name of this node.',
  },
  'cluster.leave': { level: 'warn', words: 'This node could not say that it leaves.' },
  'cluster.roles': { level: 'info', words: 'What this node carries has changed.' },
  'cluster.carry_failed': { level: 'error', words: 'This node cannot carry what it holds.' },
  'cluster.config': { level: 'info', words: 'A version of the shared configuration holds.' },
  'cluster.config_failed': { level: 'error', words: 'One could not be applied.' },
  'worker.ended': { level: 'error', words: 'One of several processes has ended.' },
} as const satisfies Record<string, EventKind>

export type EventName = keyof typeof EVENTS

/** What something happened to or by, as far as that is known. */
export interface About {
  readonly event?: EventName
  readonly door?: string
  readonly store?: string
  /** The address at the other end of a connection. */
  readonly peer?: string
}

/** Hears of something that people who look after the server should know, in words. */
export type Report = (text: string, event?: EventName) => void

/** Hears of what went wrong while no client was waiting for an answer. */
export type OnError = (error: unknown, about?: About) => void
