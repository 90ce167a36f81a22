import { type Static, Type } from 'typebox'
import { entranceOptions } from '../../config/entrance.ts'
import { Bytes, Door, Duration, StoreName } from '../../config/kinds.ts'
import type { ConfigFragment } from '../../config/schema.ts'

const options = {
  port: Type.Integer({
    description: 'The port to listen on; 0 = any free one.',
    default: 1986,
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
  clientLimit: Type.Optional(
    Type.Integer({
      description:
        'Connections at once; more are told `debug!busy`. limits.maxConnections unless given.',
      minimum: 1,
      examples: [500],
    }),
  ),
  pace: Duration({
    description:
      'How long to wait between two notifications to one client: the old ones read one message a ' +
      'read, and lose what comes together. 0 = only a turn of the event loop.',
    default: '1ms',
    most: '1s',
  }),
  maxLineBytes: Bytes({
    description: 'The longest line that a client may send.',
    default: '1MiB',
    least: '1KiB',
    most: '64MiB',
  }),
}

export const fanoutKey = Door(options, {
  description: 'The fanout door: the line protocol of SparkleShare. See docs/protocols/fanout.md.',
})

export type FanoutConfig = Exclude<Static<typeof fanoutKey>, false>

export const fanoutConfig: ConfigFragment = { keys: { fanout: fanoutKey } }
