import { expect } from 'vitest'
import { EventsClient } from '../protocols/events/events-client.ts'
import { FeedClient } from '../protocols/feed/feed-client.ts'
import { FrameClient } from '../protocols/websocket/frame-client.ts'
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
    name: 'feed: the subtree',
    async listen({ feed }) {
      const client = await FeedClient.open(feed, '/octocat/*')
      return () => client.line()
    },
    shown: feedLine,
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
