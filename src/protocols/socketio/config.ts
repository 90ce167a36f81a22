import { type Static, Type } from 'typebox'
import { Door, Duration, LONGEST_TIMER } from '../../config/kinds.ts'
import type { ConfigFragment } from '../../config/schema.ts'
import { corsOptions } from '../../http/cors.ts'

/** Where clients of Socket.IO look, unless they are told otherwise. */
export const PREFIX = '/socket.io/'

/** The client for web pages: what a location at the prefix would take, too. */
const CLIENT = `${PREFIX}socket.io.js`

export const socketioKey = Door(
  {
    ...corsOptions,
    recoveryTime: Duration({
      description:
        'How long a connection that broke can be recovered with all it had subscribed to; 0 = not at all.',
      default: '2m',
      most: LONGEST_TIMER,
    }),
    maxRecoveries: Type.Integer({
      description: 'Broken connections that are remembered at most; the oldest goes.',
      default: 20_000,
      minimum: 0,
    }),
    maxWaiting: Type.Integer({
      description: 'Connections that have not logged in yet at most.',
      default: 5_000,
      minimum: 1,
    }),
  },
  { description: 'Socket.IO, at `/socket.io/`. See docs/protocols/socketio.md.' },
)

export type SocketIoConfig = Exclude<Static<typeof socketioKey>, false>

export const socketioConfig: ConfigFragment = {
  keys: { socketio: socketioKey },
  fixedPaths: (doors) => (doors['socketio'] === false ? [] : [PREFIX, CLIENT]),
}
