import type { ServiceDefinition } from '../definition.ts'
import { SESSION, USER } from './params.ts'

const TTL = {
  name: 'seconds',
  type: 'number',
  description: 'How long it is valid, 1 or more; without it, until it is removed.',
  optional: true,
  example: 3600,
} as const

export const auth = {
  description: 'Sessions: what users log in with.',
  methods: {
    set: {
      description: 'Set Auth',
      details:
        'Makes this the one session of the user: earlier ones log nobody in any more; whoever has logged in stays. A session that was another user’s is this user’s from then on.',
      params: [USER, SESSION],
      errors: ['too_many'],
    },
    check: {
      description: 'Check Auth',
      details: 'Answers whose session it is.',
      params: [SESSION],
      result: { anyOf: [{ type: 'integer' }, { type: 'string' }] },
      errors: ['not_authorized'],
    },
    remove: {
      description: 'Delete Auth',
      details:
        'Removes one session of the user, or all of them. Whoever has logged in stays. No error where there is none.',
      params: [USER, { ...SESSION, optional: true }],
      errors: [],
    },
    add: {
      description: 'Add another session',
      details: 'For a user who logs in from several devices. Earlier sessions stay valid.',
      params: [USER, SESSION, TTL],
      errors: ['too_many'],
    },
    list: {
      description: 'List sessions of a user',
      details: 'Only digests are kept, and shown: sessions themselves are nowhere.',
      params: [USER],
      result: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            digest: { type: 'string', description: 'SHA-256 of the session, base64url.' },
            since: { type: 'integer', description: 'When it was added, in ms since 1970.' },
          },
        },
      },
      errors: [],
    },
  },
} as const satisfies ServiceDefinition
