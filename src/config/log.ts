import { type Static, Type } from 'typebox'
import type { ConfigFragment } from './schema.ts'
import { doorOf, type ResolvedConfig } from './types.ts'

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const

const logKey = Type.Object(
  {
    level: Type.Union(
      LEVELS.map((level) => Type.Literal(level)),
      { description: 'The least important events that are told; silent: none.', default: 'info' },
    ),
    format: Type.Union([Type.Literal('auto'), Type.Literal('json'), Type.Literal('pretty')], {
      description:
        'How an event is written to standard error: one line of JSON, or one for people (pretty). ' +
        'auto: for people on a terminal, JSON elsewhere. Another value holds after the next start.',
      default: 'auto',
    }),
    burst: Type.Integer({
      description:
        'Events of one name that are told within a second; how many more there were is told after it.',
      default: 20,
      minimum: 1,
    }),
  },
  {
    description: 'What is told to whoever runs the server. See docs/operations.md.',
    default: {},
    additionalProperties: false,
  },
)

export type LogConfig = Static<typeof logKey>

export const logConfig: ConfigFragment = { keys: { log: logKey } }

export function logOf(config: ResolvedConfig): LogConfig {
  return doorOf(config, 'log', logKey)
}
