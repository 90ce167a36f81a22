import type { ServiceDefinition } from '../definition.ts'

export const manager = {
  description: 'All nodes.',
  methods: {
    setConfig: {
      description: 'Set the configuration of all nodes',
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
    getConfig: {
      description: 'Get the configuration of a node',
      details:
        'Defaults are filled in, durations are in ms, sizes in bytes; what is secret is `***`.',
      params: [
        { name: 'nodeId', type: 'string', description: 'The name of the node.', example: 'local' },
      ],
      result: { type: 'object', additionalProperties: true },
      errors: ['unknown_node'],
    },
    distributeConfig: {
      description: 'Give all nodes their configuration',
      params: [],
      errors: ['not_clustered'],
    },
    status: {
      description: 'Tell how all nodes are',
      params: [],
      result: {
        type: 'object',
        additionalProperties: {
          type: 'object',
          properties: {
            state: {
              type: 'object',
              properties: {
                up: { type: 'boolean' },
                downSince: {
                  anyOf: [{ type: 'integer' }, { type: 'null' }],
                  description: 'In ms since 1970.',
                },
              },
            },
            config: {
              type: 'object',
              description: 'Where its services are called.',
              properties: { hostname: { type: 'string' }, port: { type: 'integer' } },
            },
          },
        },
      },
      errors: [],
    },
  },
} as const satisfies ServiceDefinition
