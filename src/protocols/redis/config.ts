import { type Static, Type } from 'typebox'
import { entranceOptions } from '../../config/entrance.ts'
import { Bytes, Door, StoreName } from '../../config/kinds.ts'
import type { ConfigFragment } from '../../config/schema.ts'

const options = {
  port: Type.Integer({
    description: 'The port to listen on; 0 = any free one. 6379 is usually taken by a Redis.',
    default: 6380,
    minimum: 0,
    maximum: 65_535,
  }),
  address: Type.Optional(
    Type.String({
      description:
        "The address to listen on; '' = all interfaces. That of the main port unless given.",
      examples: ['127.0.0.1', '0.0.0.0', '::'],
    }),
  ),
  ...entranceOptions,
  store: StoreName(),
  password: Type.Optional(
    Type.String({
      description:
        'What clients must say with AUTH before anything else. Whoever does may publish, whatever ' +
        'its address.',
      minLength: 1,
      writeOnly: true,
      examples: ['a long secret'],
    }),
  ),
  maxArguments: Type.Integer({
    description: 'Arguments of one command, its name included.',
    default: 16_384,
    minimum: 16,
  }),
  maxArgumentBytes: Type.Optional(
    Bytes({
      description:
        'The longest argument. A whole command has twice that at most, or 1 MiB if that is more. ' +
        'limits.maxBodyBytes unless given.',
      least: '1KiB',
      examples: ['8MiB'],
    }),
  ),
  maxInlineBytes: Bytes({
    description: 'The longest command as a line of text, and the longest line of the protocol.',
    default: '64KiB',
    least: '1KiB',
  }),
  maxReplyBytes: Bytes({
    description:
      'Unsent replies of one connection above which no more of its commands are read; and the ' +
      'largest reply: a range that is larger has to be asked for in parts, by COUNT.',
    default: '16MiB',
    least: '64KiB',
  }),
}

export const redisKey = Door(options, {
  description: "Redis's protocol on a port of its own. See docs/protocols/redis.md.",
})

export type RedisConfig = Exclude<Static<typeof redisKey>, false>

export const redisConfig: ConfigFragment = { keys: { redis: redisKey } }
