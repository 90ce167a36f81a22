import type { ServiceDefinition } from '../definition.ts'
import { CONFIG } from './params.ts'

const VERSION = {
  type: 'object',
  properties: {
    version: { type: 'integer', description: 'Counts from 1.' },
    author: { type: 'string' },
    time: { type: 'integer', description: 'In ms since 1970.' },
    diff: {
      type: 'array',
      items: { type: 'string' },
      description: 'What differs from the version before, a line each; secrets are `***`.',
    },
  },
} as const

const NODE = {
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
      properties: {
        hostname: { type: 'string' },
        port: { type: 'integer' },
        scheme: { type: 'string', description: '`http` or `https`.' },
      },
    },
    url: { type: 'string', description: 'Where clients reach it.' },
    roles: {
      type: 'array',
      items: { type: 'string' },
      description: 'Doors and services that it carries now.',
    },
    spareFor: {
      type: 'array',
      items: { type: 'string' },
      description: 'What it would take over.',
    },
    isManager: { type: 'boolean' },
    age: { type: 'number', description: 'Seconds since it joined.' },
    silence: { type: 'number', description: 'Seconds since it was last heard of.' },
    load: {
      type: 'object',
      properties: {
        connections: { type: 'integer' },
        published: { type: 'integer', description: 'Messages published in the last second.' },
        delivered: { type: 'integer', description: 'Messages delivered in the last second.' },
        cpu: { type: 'number', description: 'Share of one core.' },
        memory: { type: 'integer', description: 'Resident bytes.' },
      },
    },
    version: { type: 'string', description: 'Of the program.' },
    configVersion: {
      type: 'integer',
      description: 'The version of the shared configuration that holds there; 0: its own file.',
    },
    configError: {
      anyOf: [{ type: 'string' }, { type: 'null' }],
      description: 'Why a newer one does not hold.',
    },
  },
} as const

export const manager = {
  description: 'All nodes.',
  methods: {
    setConfig: {
      description: 'Set the configuration of all nodes',
      details:
        'It is laid over the file of each node; under `nodes`, by name, is what single nodes have beside. ' +
        'Every node checks it first, and with a mistake on one of them nothing changes. Any node may be ' +
        'asked: it passes this on to the manager.',
      params: [
        CONFIG,
        {
          name: 'author',
          type: 'string',
          optional: true,
          description: 'Who says so, for the list of versions.',
          example: 'mona',
        },
      ],
      result: VERSION,
      errors: ['bad_config', 'not_manager', 'store_unavailable'],
    },
    getConfig: {
      description: 'Get the configuration of a node',
      details:
        'Defaults are filled in, durations are in ms, sizes in bytes; what is secret is `***`.',
      params: [
        { name: 'nodeId', type: 'string', description: 'The name of the node.', example: 'local' },
      ],
      result: { type: 'object', additionalProperties: true },
      errors: ['unknown_node', 'store_unavailable'],
    },
    distributeConfig: {
      description: 'Give all nodes their configuration',
      details:
        'Every node applies the newest version again. Answers what each says, after 10 s at the latest.',
      params: [],
      result: {
        type: 'object',
        additionalProperties: {
          type: 'object',
          properties: {
            version: { type: 'integer', description: 'The version that holds there.' },
            error: {
              anyOf: [{ type: 'string' }, { type: 'null' }],
              description: 'Why not the newest.',
            },
          },
        },
      },
      errors: ['store_unavailable'],
    },
    versions: {
      description: 'List versions of the configuration',
      details: 'The newest first; the last 100 are kept.',
      params: [
        {
          name: 'limit',
          type: 'number',
          optional: true,
          description: 'At most so many; 20 unless given.',
          example: 10,
        },
      ],
      result: { type: 'array', items: VERSION },
      errors: ['store_unavailable'],
    },
    status: {
      description: 'Tell how all nodes are',
      params: [],
      result: { type: 'object', additionalProperties: NODE },
      errors: [],
    },
  },
} as const satisfies ServiceDefinition
