import type { Schema, ServiceDefinition } from '../definition.ts'
import { CHANNEL, MESSAGE, USER } from './params.ts'

const NAMES = { type: 'array', items: { type: 'string' } } as const satisfies Schema

export const channel = {
  description: 'Channels, and who is subscribed to them.',
  methods: {
    subscribe: {
      description: 'Subscribe channel',
      details:
        'All connections of the user get what is published there from now on. The user need not be connected.',
      params: [USER, CHANNEL],
      errors: ['bad_channel', 'too_many'],
    },
    unsubscribe: {
      description: 'Unsubscribe channel',
      params: [USER, CHANNEL],
      errors: ['bad_channel'],
    },
    unsubscribeAll: {
      description: 'Unsubscribe from all channels',
      params: [USER],
      errors: [],
    },
    getSubscriptions: {
      description: 'Get subscriptions of user',
      params: [USER],
      result: NAMES,
      errors: [],
    },
    getSubscribers: {
      description: 'Get subscribers of a channel',
      details: 'Ids of users, as texts. Who follows it by other doors is no user.',
      params: [CHANNEL],
      result: NAMES,
      errors: ['bad_channel'],
    },
    publish: {
      description: 'Publish a message to channel',
      details: 'It leaves by every door.',
      params: [CHANNEL, MESSAGE],
      errors: ['bad_channel', 'too_large', 'store_unavailable'],
    },
    listAll: {
      description: 'List all channels',
      details: 'Those with messages, and those with subscribers; at most 10,000.',
      params: [],
      result: NAMES,
      errors: [],
    },
    history: {
      description: 'Read messages of a channel',
      details:
        'Oldest first. Without `since`, the newest. At most 8 MiB at a time: go on from the last id.',
      params: [
        CHANNEL,
        {
          name: 'limit',
          type: 'number',
          description: 'How many at most: 1 to 1,000; 100 unless given.',
          optional: true,
          example: 20,
        },
        {
          name: 'since',
          type: 'string',
          description: 'An id: those after it.',
          optional: true,
          example: '1763728800-0',
        },
      ],
      result: {
        type: 'object',
        properties: {
          messages: {
            type: 'array',
            items: {
              type: 'object',
              description:
                '`id`, `channel`, `time`, `type`, `body`, `data`, `attributes`, `encoding`.',
              additionalProperties: true,
            },
          },
          gap: {
            type: 'boolean',
            description: 'Whether some messages after `since` are not kept any more.',
          },
        },
      },
      errors: ['bad_channel', 'bad_cursor', 'store_unavailable'],
    },
    presence: {
      description: 'List who is on a channel',
      details:
        'Ids of users that are subscribed and there, of channels that `users.presence` names.',
      params: [CHANNEL],
      result: NAMES,
      errors: ['bad_channel'],
    },
    remove: {
      description: 'Remove a channel',
      details: 'Deletes its messages, and all subscriptions to it.',
      params: [CHANNEL],
      errors: ['bad_channel', 'store_unavailable'],
    },
  },
} as const satisfies ServiceDefinition
