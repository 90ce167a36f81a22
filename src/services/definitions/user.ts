import type { ServiceDefinition } from '../definition.ts'
import { MESSAGE, USER } from './params.ts'

export const user = {
  description: 'Users and their connections.',
  methods: {
    remove: {
      description: 'Remove user',
      details:
        'Forgets all connections of the user, which stay open but get nothing more, and its subscriptions. Its sessions stay valid: auth/remove ends those.',
      params: [USER],
      errors: [],
    },
    publish: {
      description: 'Publish a message to userid',
      details:
        'Sends it to all connections of the user. When the last one has gone, it is stored for `users.removeUserAfterDisconnectTimeOut`, and delivered when the user comes back; after that, it is an error.',
      params: [USER, MESSAGE],
      errors: ['not_connected', 'too_large', 'store_unavailable'],
    },
    listAll: {
      description: 'List all users',
      details: 'Ids of all users with a connection, as texts.',
      params: [],
      result: { type: 'array', items: { type: 'string' } },
      errors: [],
    },
    getFrontendServer: {
      description: 'Get the server that a user is connected to',
      details: 'Of its newest connection.',
      params: [USER],
      result: { type: 'string', description: '`http://HOST:PORT`, where clients reach it.' },
      errors: ['not_connected'],
    },
    connections: {
      description: 'List connections of a user',
      params: [USER],
      result: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            id: { type: 'string' },
            user: { type: 'string' },
            door: { type: 'string', description: 'The protocol it came by.' },
            peer: { type: 'string', description: 'The address at its other end.' },
            since: { type: 'integer', description: 'When it logged in, in ms since 1970.' },
            node: { type: 'string', description: 'The node that holds it.' },
            url: { type: 'string', description: 'Where clients reach that node.' },
          },
        },
      },
      errors: [],
    },
    disconnect: {
      description: 'Close a connection',
      details: 'The client may come back: auth/remove ends what it logs in with.',
      params: [
        {
          name: 'connectionId',
          type: 'string',
          description: 'Its id, as `user/connections` tells it.',
          example: 'kfU2wJjZkMIAAAAB',
        },
      ],
      result: { type: 'boolean', description: 'Whether there was such a connection.' },
      errors: [],
    },
  },
} as const satisfies ServiceDefinition
