import { expect, onTestFinished } from 'vitest'
import { Subscriber } from 'zeromq'
import { EventsClient } from '../protocols/events/events-client.ts'
import { FeedClient } from '../protocols/feed/feed-client.ts'
import { FrameClient } from '../protocols/websocket/frame-client.ts'
import { connected } from '../protocols/fanout/fanout-client.ts'
import { register, xmlRegister } from '../protocols/sparkleshare/sparkleshare-client.ts'
import { RespClient } from '../protocols/redis/resp-client.ts'
import { PacketClient } from '../protocols/socketio/packet-client.ts'
import { token } from '../protocols/socketio/token.ts'
import { RawClient, requestBytes } from '../support/raw.ts'
import type { Expected, Ports } from './message.ts'

/** A way out. */
interface Listener {
  readonly name: string
  /** Listens to `octocat/hello`; answers how to take the next message, as this door shows it. */
  listen(ports: Ports): Promise<() => Promise<unknown>>
  /** How a message is to look there. */
  shown(expected: Expected): unknown
}

export const OUT: readonly Listener[] = [
  {
    name: 'relay: a long poll',
    async listen({ main }) {
      const client = await RawClient.connect(main)
      client.send(requestBytes('GET', '/subscriber/octocat/hello', { 'If-None-Match': '0' }))
      return async () => {
        const { headers, body } = await client.reply()
        return { body: body.toString(), type: headers['content-type'] }
      }
    },
    shown: ({ body, type = 'application/octet-stream' }) => ({ body, type }),
  },
  {
    name: 'events: text',
    async listen({ main }) {
      const client = await EventsClient.follow(main, '/events/octocat/hello')
      return async () => {
        const { event, data } = await client.block()
        // A type of its own would hide it from EventSource's onmessage.
        expect(event).toBeUndefined()
        return data
      }
    },
    shown: ({ body }) => body,
  },
  {
    name: 'events: a subtree as JSON',
    async listen({ main }) {
      const client = await EventsClient.follow(main, '/events/octocat/?format=json')
      return async () => envelope((await client.block()).data ?? '')
    },
    shown: enveloped,
  },
  {
    name: 'websocket',
    async listen({ main }) {
      const client = await FrameClient.open(main)
      await client.ask({ subscribe: 'octocat/hello' })
      return async () => envelope(await client.text())
    },
    shown: enveloped,
  },
  {
    name: 'socketio',
    async listen({ main }) {
      const client = await PacketClient.in(main, { token: token({ sub: 'mona' }) })
      await client.ask('subscribe', 'octocat/hello')
      return async () => (await client.packet('42["message",')).slice(0, -1)
    },
    shown: ({ body, type, data }) =>
      data ?? (type === 'application/json' ? body : JSON.stringify(body)),
  },
  {
    name: 'socketio: an envelope, of a subtree',
    async listen({ main }) {
      const auth = { token: token({ sub: 'octocat' }), envelope: true }
      const client = await PacketClient.in(main, auth)
      await client.ask('subscribe', 'octocat/', { as: 'session' })
      return async () => envelope((await client.packet('42["message",')).slice(0, -1))
    },
    shown: enveloped,
  },
  {
    name: 'feed: the subtree',
    async listen({ feed }) {
      const client = await FeedClient.open(feed, '/octocat/*')
      return () => client.line()
    },
    shown: feedLine,
  },
  {
    name: 'sparkleshare: JSON',
    async listen({ sparkleshare }) {
      const client = await RawClient.connect(sparkleshare)
      client.send(register('octocat/hello'))
      return async () => {
        const { revision } = JSON.parse(await client.takeUntil('}')) as { revision: unknown }
        return revision
      }
    },
    shown: revisionOrId,
  },
  {
    name: 'sparkleshare: XML',
    async listen({ sparkleshare }) {
      const client = await RawClient.connect(sparkleshare)
      client.send(xmlRegister('octocat/hello'))
      return async () => {
        const packet = await client.takeUntil('</packet>')
        return /<readable>New revision is (.*)<\/readable>/.exec(packet)?.[1]
      }
    },
    shown: revisionOrId,
  },
  {
    name: 'sparkleshare: ZeroMQ',
    listen({ broadcast }) {
      const socket = new Subscriber({ receiveTimeout: 10_000 })
      onTestFinished(() => socket.close())
      socket.connect(`tcp://127.0.0.1:${broadcast}`)
      socket.subscribe('octocat/hello')
      return Promise.resolve(async () => {
        const [channel, text] = await socket.receive()
        expect(String(channel)).toBe('octocat/hello')
        return String(text)
      })
    },
    shown: revisionOrId,
  },
  {
    name: 'fanout',
    async listen({ fanout }) {
      const client = await connected(fanout)
      client.send('subscribe octocat/hello\n')
      return async () => Buffer.from(await client.takeUntil('\n'), 'latin1').toString()
    },
    shown: ({ body, attributes }) => `octocat/hello!${attributes?.['revision'] ?? body}\n`,
  },
  {
    name: 'redis: a pattern',
    async listen({ redis }) {
      const client = await RespClient.connect(redis)
      await client.ask('PSUBSCRIBE', 'octocat/h*')
      return async () => utf8(await client.value())
    },
    shown: ({ body }) => ['pmessage', 'octocat/h*', 'octocat/hello', body],
  },
  {
    name: 'redis: XREAD, which waits',
    async listen({ redis }) {
      const client = await RespClient.connect(redis)
      client.send('XREAD', 'BLOCK', 0, 'STREAMS', 'octocat/hello', '$')
      return async () => {
        const [[, [[, fields]]]] = (await client.value()) as [[string, [[string, string[]]]]]
        return utf8(fields)
      }
    },
    shown: ({ body, type, data, attributes = {} }) =>
      expect.arrayContaining([
        'body',
        body,
        ...(type === undefined ? [] : ['type', type]),
        ...(data === undefined ? [] : ['data', data]),
        ...Object.values(attributes),
      ]) as unknown,
  },
]

/** JSON doors show both body and data: the data as it was written. */
function envelope(text: string): unknown {
  const { body, type, channel, attributes } = JSON.parse(text) as Record<string, unknown>
  const data = /,"data":(.*?)(?:,"attributes":\{[^{}]*\})?\}$/.exec(text)?.[1]
  return { body, type, channel, data, attributes }
}

function enveloped({ body, type, data, attributes }: Expected): unknown {
  return {
    body,
    type,
    channel: 'octocat/hello',
    data,
    attributes: attributes && (expect.objectContaining(attributes) as unknown),
  }
}

function feedLine({ body, type, data }: Expected): string {
  if (data !== undefined) return data
  if (type === 'application/json') return body
  return JSON.stringify({ channel: 'octocat/hello', message: body })
}

/** The repository doors: a message without a revision shows its id. */
function revisionOrId({ attributes }: Expected): unknown {
  return attributes?.['revision'] ?? expect.stringMatching(/^\d+-\d+$/)
}

/** Texts of one character a byte, as people read them. */
function utf8(values: unknown): string[] {
  return (values as string[]).map((text) => Buffer.from(text, 'latin1').toString())
}
