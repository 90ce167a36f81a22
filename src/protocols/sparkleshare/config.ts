import { type Static, Type } from 'typebox'
import { entranceOptions } from '../../config/entrance.ts'
import { Bytes, Door, Duration, StoreName } from '../../config/kinds.ts'
import type { ConfigFragment } from '../../config/schema.ts'

const port = (description: string, standard: number) =>
  Type.Integer({ description, default: standard, minimum: 0, maximum: 65_535 })

const address = (description: string) =>
  Type.Optional(Type.String({ description, examples: ['127.0.0.1', '0.0.0.0', '::'] }))

const highWaterMark = (description: string) =>
  Type.Integer({ description, default: 1000, minimum: 0, maximum: 2 ** 31 - 1 })

const zeromq = Door(
  {
    broadcast: port('The port of the XPUB socket that notifies; 0 = any free one.', 9998),
    command: port('The port of the PULL socket that takes `new_version`; 0 = any free one.', 9997),
    address: address("The address to listen on; '' = all interfaces. The door's unless given."),
    security: Type.Union([Type.Literal('none'), Type.Literal('plain'), Type.Literal('curve')], {
      description:
        'How peers say who they are, on both sockets: not at all, which leaves it to their address; by ' +
        'the name and the secret of a key, unencrypted (plain); by a key pair, all encrypted (curve).',
      default: 'none',
    }),
    curveKey: Type.String({
      description:
        "The file of the server's secret key for `curve`; made at the first start. " +
        '`fanfare key curve` shows the public one, which clients need.',
      default: 'fanfare-data/zeromq.key',
      minLength: 1,
      examples: ['/etc/fanfare/zeromq.key'],
    }),
    maxPeers: Type.Integer({
      description:
        'Connections to both sockets at once with `plain` or `curve`: each takes a socket of libzmq, ' +
        'and about six file descriptors.',
      default: 1000,
      minimum: 1,
      maximum: 30_000,
    }),
    sendHighWaterMark: highWaterMark(
      'Notifications that wait for one subscriber at most; what comes then is dropped for it. ' +
        '0 = no bound.',
    ),
    receiveHighWaterMark: highWaterMark(
      'Commands of one peer that wait at most; what it sends then waits on its side. 0 = no bound.',
    ),
  },
  { description: "SparkleShare's notifications over ZeroMQ. Needs the optional package zeromq." },
)

const options = {
  port: port('The port to listen on; 0 = any free one.', 9999),
  address: address(
    "The address to listen on; '' = all interfaces. That of the main port unless given.",
  ),
  ...entranceOptions,
  store: StoreName(),
  pace: Duration({
    description:
      'How long to wait between two notifications to one client: the old ones read one message a ' +
      'read, and lose what comes together. 0 = only a turn of the event loop.',
    default: '1ms',
    most: '1s',
  }),
  maxObjectBytes: Bytes({
    description: 'The largest JSON object or XML packet that a client may send.',
    default: '64KiB',
    least: '1KiB',
    most: '64MiB',
  }),
  zeromq,
}

export const sparkleshareKey = Door(options, {
  description:
    "The sparkleshare door: SparkleShare's notifications over TCP and ZeroMQ. See docs/protocols/sparkleshare.md.",
})

export type SparkleshareConfig = Exclude<Static<typeof sparkleshareKey>, false>
export type ZeromqConfig = Exclude<Static<typeof zeromq>, false>

export const sparkleshareConfig: ConfigFragment = { keys: { sparkleshare: sparkleshareKey } }
