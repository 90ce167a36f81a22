/**
 * The doors as they are, each over sockets: bytes that come in pieces, and a client that leaves in the midst of it.
 * What a parser takes goes on into the program from here. Meanwhile somebody else publishes and listens undisturbed.
 */
import { connect, type Socket } from 'node:net'
import { loadConfig } from '../../../src/config/index.ts'
import { configSchema } from '../../../src/server/schema.ts'
import { FanfareServer } from '../../../src/server/server.ts'
import { bytesOf, cutUp, must, type Target } from '../engine.ts'
import { Random } from '../random.ts'

const CONFIG = `port: 0
store: { type: memory, max_channels: 1000, max_messages: 10, max_bytes: 8MiB }
limits: { maxHeaderBytes: 2KiB, maxBodyBytes: 4KiB, maxUnsentBytes: 64KiB }
redis: { port: 0 }
feed: { port: 0 }
fanout: { port: 0 }
sparkleshare: { port: 0, zeromq: { broadcast: 0, command: 0 } }
management: { port: 0 }
`
/** How many inputs pass between two looks at somebody else. */
const LOOK = 100
/** ms that somebody else waits for what they published, on a machine that does much else. */
const PATIENCE = 30_000

/** A server for all inputs of a process, and one who uses it meanwhile. */
class Rig {
  readonly server: FanfareServer
  readonly errors: unknown[]
  #listener: Socket
  #heard = ''
  #looks = 0
  inputs = 0

  private constructor(server: FanfareServer, errors: unknown[]) {
    this.server = server
    this.errors = errors
    this.#listener = this.#listen()
  }

  static async start(): Promise<Rig> {
    const errors: unknown[] = []
    const { config } = loadConfig(configSchema(), { text: CONFIG, file: 'f', env: {}, flags: {} })
    const server = await FanfareServer.start(config, { onError: (error) => errors.push(error) })
    const rig = new Rig(server, errors)
    await rig.look()
    return rig
  }

  portOf(what: string): number {
    if (what === 'http') return this.server.address.port
    const places = this.server.places.filter((place) => place.what === what)
    const port = /:(?<port>\d+)\/?$/.exec(places.at(-1)?.where ?? '')?.groups?.['port']
    must(port !== undefined, `there is no ${what}: ${JSON.stringify(this.server.places)}`)
    return Number(port)
  }

  #listen(): Socket {
    const socket = connect(this.server.address.port, '127.0.0.1')
    socket.on('data', (bytes) => (this.#heard += bytes.toString('latin1')))
    socket.on('error', () => {})
    socket.write('GET /events/witness?since=all HTTP/1.1\r\nHost: x\r\n\r\n')
    return socket
  }

  /** Somebody publishes, and the one who listens hears it. */
  async look(): Promise<void> {
    const word = `word-${++this.#looks}-`
    const socket = connect(this.server.address.port, '127.0.0.1')
    let answer = ''
    socket.on('data', (bytes) => (answer += bytes.toString('latin1')))
    socket.on('error', (error) => (answer += String(error)))
    socket.end(
      `POST /publisher/witness HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${word.length}\r\n\r\n${word}`,
    )
    const end = performance.now() + PATIENCE
    while (!this.#heard.includes(word)) {
      must(performance.now() < end, `what was published is not heard: ${answer}`)
      must(!this.#listener.destroyed, 'the one who listens was disconnected')
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    this.#heard = ''
    socket.destroy()
    must(this.errors.length === 0, `it failed inside: ${this.errors.map(shown).join('\n')}`)
  }

  async end(): Promise<void> {
    await this.look()
    this.#listener.destroy()
    const end = performance.now() + PATIENCE
    while (this.server.connections > 0) {
      must(performance.now() < end, `${this.server.connections} connections are left`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await this.server.stop()
  }
}

function shown(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

let rig: Promise<Rig> | undefined

/** Sends pieces, lets the server read them, and goes, in one of the ways in which clients go. */
async function visit(port: number, pieces: readonly Buffer[], random: Random): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  let answered = false
  socket.on('data', () => (answered = true))
  socket.on('error', () => {})
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve)
    socket.once('close', resolve)
  })
  for (const piece of pieces) {
    if (!socket.writable) break
    socket.write(piece)
    if (pieces.length < 20) await new Promise(setImmediate)
  }
  // Most are read before the client has gone.
  for (let turn = random.int(8); turn > 0 && !answered; turn--) await new Promise(setImmediate)
  const leaving = random.int(4)
  if (leaving < 2) socket.destroy()
  else if (leaving === 2) socket.resetAndDestroy()
  else {
    socket.end()
    await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 3))])
    socket.destroy()
  }
  await gone
}

interface Door {
  readonly what: string
  readonly reads: string
  readonly seeds: readonly string[]
  readonly tokens: readonly string[]
  /** What stands in front of every input, and is right. */
  readonly before?: string
}

function door(name: string, { what, reads, seeds, tokens, before = '' }: Door): Target {
  return {
    name: `door-${name}`,
    reads,
    holds:
      'the server goes on, others publish and hear meanwhile, nothing fails inside, no connection is left',
    seeds,
    tokens,
    perThousand: 20,
    async check(input, random) {
      rig ??= Rig.start()
      const ready = await rig
      const bytes = bytesOf(input)
      const greeting = random.once(16) ? [] : [bytesOf(before)]
      const pieces = random.once(2) ? [bytes] : cutUp(bytes, random)
      await visit(ready.portOf(what), [...greeting, ...pieces], random)
      if (++ready.inputs % LOOK === 0) await ready.look()
    },
    async end() {
      await (await rig)?.end()
      rig = undefined
    },
  }
}

const HTTP_TOKENS = [
  'GET ',
  'POST ',
  'PUT ',
  'DELETE ',
  'OPTIONS ',
  'HEAD ',
  '/publisher/a',
  '/subscriber/a',
  '/events/a',
  ' HTTP/1.1\r\nHost: x\r\n',
  '\r\n\r\n',
  'Content-Length: 4\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: Upgrade\r\nUpgrade: websocket\r\n',
  'If-None-Match: 0\r\n',
  'Expect: 100-continue\r\n',
  'Accept: text/event-stream\r\n',
  '?since=all',
  '&last=5',
  '0\r\n\r\n',
]
const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

/** A frame of a client, masked by zeros: what it says can be read, and changed. */
function frame(text: string, head = 0x81): string {
  const length =
    text.length < 126
      ? String.fromCharCode(0x80 | text.length)
      : `\xfe${String.fromCharCode(text.length >> 8, text.length & 0xff)}`
  return `${String.fromCharCode(head)}${length}\0\0\0\0${text}`
}

const FRAME_TOKENS = [
  '\x81\x80\0\0\0\0',
  '\x01\x81\0\0\0\0x',
  '\x80\x80\0\0\0\0',
  '\x88\x82\0\0\0\0\x03\xe8',
  '\x89\x80\0\0\0\0',
  '\x82\x81\0\0\0\0x',
  '\xc1',
  '\xff',
  '\x81\xfe\xff\xff',
  '\x81\xff\0\0\0\0\0\x01\0\0',
  '\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff',
  '\x81\x05',
]

const GREETING = `\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL${'\0'.repeat(16)}\0${'\0'.repeat(31)}`
const READY = '\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB'
const READY_PUSH = '\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH'
const COMMAND = '{"repo": "r", "command": "new_version", "revision": "1"}'
const ZMTP_TOKENS = [
  '\xff',
  '\x7f',
  '\x03',
  '\0',
  '\x04',
  '\x02',
  '\x06\0\0\0\0\0\0\0\xff',
  '\x02\xff\xff\xff\xff\xff\xff\xff\xff',
  'NULL',
  'PLAIN',
  'CURVE',
  '\x05READY',
  '\x09SUBSCRIBE',
  '\x04PING',
  '\x05ERROR',
  '\0\x01\x01',
  '\0\x02\x01a',
  '\0\x01\0',
]

export const DOORS: readonly Target[] = [
  door('http', {
    what: 'http',
    reads: 'the main port: publishing, polls, streams, on both paths',
    seeds: [
      'POST /publisher/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbodyGET /subscriber/a HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /events/a?since=all&channel=b/ HTTP/1.1\r\nHost: x\r\n\r\n',
      'POST /publisher/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n4\r\nbody\r\n0\r\n\r\n',
      'POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
      'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    tokens: HTTP_TOKENS,
  }),
  door('websocket', {
    what: 'http',
    reads: 'frames of WebSocket, and what they hold',
    before: `GET /subscriber/a HTTP/1.1\r\nHost: x\r\n${UPGRADE}`,
    seeds: [
      frame('{"subscribe":["a","b/"],"since":"all"}') + frame('{"ping":1}'),
      frame('{"publish":"a","body":"x","ref":1}') + frame('', 0x89) + frame('\x03\xe8', 0x88),
      frame('{"pub', 0x01) + frame('lish":"a","data":{}}', 0x80),
    ],
    tokens: [
      ...FRAME_TOKENS,
      frame('{"subscribe":"a"}'),
      frame('{"publish":"a","body":"y"}'),
      frame('[]'),
    ],
  }),
  door('socketio', {
    what: 'http',
    reads: 'packets of Engine.IO and Socket.IO',
    before: `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n${UPGRADE}`,
    seeds: [
      frame('40{"session":"s"}') +
        frame('420["subscribe",["a","b"]]') +
        frame('421["publish","a",{"x":1}]'),
      frame('40') + frame('451-["publish","a",{"_placeholder":true,"num":0}]') + frame('x', 0x82),
      frame('2probe') + frame('5') + frame('41') + frame('3'),
    ],
    tokens: [
      ...FRAME_TOKENS,
      ...[
        '40',
        '42',
        '43',
        '44',
        '45',
        '46',
        '451-',
        '50',
        '2probe',
        '6',
        '/admin,',
        '["subscribe","a"]',
        '{"_placeholder":true,"num":9}',
      ].map((text) => frame(text)),
    ],
  }),
  door('redis', {
    what: 'redis',
    reads: 'commands of the redis door',
    seeds: [
      '*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$1\r\nx\r\n',
      'HELLO 3\r\nXADD a * body x\r\nXRANGE a - + COUNT 5\r\nXREAD BLOCK 1 STREAMS a $\r\n',
      'PSUBSCRIBE a* *b* [a-z]\r\nCLIENT LIST\r\nINFO\r\nPUBSUB CHANNELS *\r\nCOMMAND DOCS\r\n',
      'XREVRANGE a + -\r\nXLEN a\r\nDEL a\r\nTYPE a\r\nKEYS *\r\nSCAN 0\r\nXINFO STREAM a\r\nXTRIM a MAXLEN 1\r\n',
      'AUTH x\r\nSELECT 0\r\nCLIENT SETNAME x\r\nCLIENT REPLY SKIP\r\nPING\r\nRESET\r\nQUIT\r\n',
    ],
    tokens: [
      '\r\n',
      '*3\r\n',
      '$1\r\n',
      '-',
      '+',
      '$',
      '*',
      ' ',
      'COUNT ',
      'BLOCK 0 ',
      'STREAMS ',
      'NOMKSTREAM ',
      'MAXLEN ~ 1 ',
      'MINID ',
      'LIMIT 1 ',
      'XADD ',
      'XREAD ',
      'XRANGE a ',
      'SUBSCRIBE ',
      'SSUBSCRIBE a\r\n',
      'PSUBSCRIBE ',
      'UNSUBSCRIBE\r\n',
      'CLIENT ',
      'KILL ID 1\r\n',
      'CONFIG GET *\r\n',
      'MULTI\r\n',
      'EXEC\r\n',
      '9700000000123',
    ],
  }),
  door('feed', {
    what: 'feed',
    reads: "the feed's streams and posts",
    seeds: [
      'GET /json/* HTTP/1.1\r\nHost: x\r\nX-Fetch-Since: 1\r\n\r\n',
      'POST /json/x HTTP/1.1\r\n\r\n{"commit":{"repository":"r","id":"1"}}\n',
      'PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n0\r\n\r\n',
    ],
    tokens: [
      'GET /',
      'POST /',
      'HEAD /',
      ' HTTP/1.1\r\n',
      '\r\n\r\n',
      '\n\n',
      'Content-Length: 5\r\n',
      '{"commit":{}}\n',
      '{"a":',
      '0\r\n\r\n',
      'X-Fetch-Since: ',
    ],
  }),
  door('fanout', {
    what: 'fanout',
    reads: "fanout's lines",
    seeds: ['subscribe a\nannounce a x\nping\ninfo\nunsubscribe a\n'],
    tokens: [
      'subscribe ',
      'unsubscribe ',
      'announce a ',
      'ping\n',
      'info\n',
      '\n',
      '!',
      'all\n',
      'GET / HTTP/1.1\r\n',
    ],
  }),
  door('sparkleshare', {
    what: 'sparkleshare',
    reads: "SparkleShare's JSON and XML over TCP",
    seeds: [
      '{"repo": "r", "command": "register"}{"repo": "r", "command": "new_version", "revision": "1"}',
      '<packet><command>register</command><repo>r</repo></packet><packet><command>new_version</command><repo>r</repo><readable>New revision is 1</readable></packet>',
    ],
    tokens: [
      '{',
      '}',
      '"',
      '<packet>',
      '</packet>',
      '<repo>',
      '&amp;',
      '&#x41;',
      '"command": "register"',
      '\n',
      '\x16\x03\x01',
    ],
  }),
  door('zeromq-broadcast', {
    what: 'zmq notify',
    reads: 'ZMTP: greetings, commands and subscriptions at the XPUB socket',
    seeds: [
      `${GREETING}${READY}\0\x01\x01\0\x02\x01r\0\x02\0r`,
      `${GREETING}${READY}\x04\x0c\x09SUBSCRIBEr`,
    ],
    tokens: ZMTP_TOKENS,
  }),
  door('zeromq-command', {
    what: 'zmq command',
    reads: 'ZMTP: greetings, commands and messages at the PULL socket',
    seeds: [
      `${GREETING}${READY_PUSH}\0${String.fromCharCode(COMMAND.length)}${COMMAND}`,
      `${GREETING}${READY_PUSH}\x01\x01a\0\x01b`,
    ],
    tokens: ZMTP_TOKENS,
  }),
  door('management', {
    what: 'management',
    reads: 'calls of the management port',
    seeds: [
      'GET /auth/add/5/s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /user/listAll HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
      'POST /channel/publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n{"channel":"a","message":{}}  ',
      'GET /console/data HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n',
    ],
    tokens: [
      ...HTTP_TOKENS,
      'Host: 127.0.0.1\r\n',
      'Origin: http://evil\r\n',
      '/auth/',
      '/user/',
      '/channel/',
      '%22',
      '{"a":',
    ],
  }),
]
