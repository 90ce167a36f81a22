import { type Static, Type } from 'typebox'
import { entranceOptions } from '../../config/entrance.ts'
import { Door } from '../../config/kinds.ts'
import type { ConfigFragment } from '../../config/schema.ts'

export const managementKey = Door(
  {
    port: Type.Integer({
      description: 'The port to listen on; 0 = any free one.',
      default: 8181,
      minimum: 0,
      maximum: 65_535,
    }),
    address: Type.String({
      description:
        "The address to listen on; '' = all interfaces. Beyond this machine only with a `key`.",
      default: '127.0.0.1',
      examples: ['127.0.0.1', '0.0.0.0', '::1'],
    }),
    ...entranceOptions,
    key: Type.Optional(
      Type.String({
        description:
          'What every caller must show, as `Authorization: Bearer KEY` or as the password of ' +
          '`http://:KEY@HOST:8181/`. Without it, only trusted peers may call.',
        minLength: 16,
        writeOnly: true,
        examples: ['at least 16 characters'],
      }),
    ),
    hosts: Type.Array(Type.String({ pattern: '^[A-Za-z0-9.-]{1,253}$' }), {
      description:
        'Names under which the port may be asked for, such as that of a proxy in front of it. ' +
        'Addresses and localhost always hold; other names could be anybody’s.',
      default: [],
      examples: [['push.example']],
    }),
    maxConnections: Type.Integer({
      description: 'Open connections at most.',
      default: 1000,
      minimum: 1,
    }),
  },
  { description: 'The services and the console. See docs/management.md.' },
)

export type ManagementConfig = Exclude<Static<typeof managementKey>, false>

export const managementConfig: ConfigFragment = { keys: { management: managementKey } }
