import type { ServiceDefinition } from '../definition.ts'
import { CONFIG } from './params.ts'

const keys = (description: string) =>
  ({ type: 'array', items: { type: 'string' }, description }) as const

const APPLIED = {
  type: 'object',
  properties: {
    changed: keys('Keys that hold from now on, with nothing closed.'),
    restarted: keys('Doors and stores that were begun anew.'),
    later: keys('Keys that hold only after a start.'),
  },
} as const

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
      details: 'Its file, and the configuration of all nodes.',
      params: [],
      result: APPLIED,
      errors: ['bad_config', 'store_unavailable'],
    },
    setConfig: {
      description: 'Give this node another configuration',
      details: 'Until it is reloaded or started again.',
      params: [CONFIG],
      result: APPLIED,
      errors: ['bad_config', 'store_unavailable'],
    },
  },
} as const satisfies ServiceDefinition
