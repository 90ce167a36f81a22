import type { ServiceDefinition } from '../definition.ts'

export const worker = {
  description: 'The node that answers.',
  methods: {
    status: {
      description: 'Tell how this node is',
      params: [],
      result: {
        type: 'object',
        properties: {
          node: { type: 'string' },
          version: { type: 'string' },
          pid: { type: 'integer' },
          uptime: { type: 'number', description: 'Seconds.' },
          connections: { type: 'integer' },
          memory: { type: 'integer', description: 'Resident bytes.' },
        },
      },
      errors: [],
    },
    reload: {
      description: 'Read the configuration again',
      params: [],
      errors: ['not_clustered'],
    },
    setConfig: {
      description: 'Give this node another configuration',
      params: [
        {
          name: 'config',
          type: 'object',
          description: 'The configuration.',
          example: { port: 8080 },
        },
      ],
      errors: ['not_clustered'],
    },
  },
} as const satisfies ServiceDefinition
