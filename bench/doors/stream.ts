import { openingStep, requestBytes } from './http.ts'
import type { PublishForm, StreamDoor } from './door.ts'

/** Server-Sent Events: one GET, then events for as long as the connection stands. */
export function sseDoor(path: (channel: string) => string, publish: PublishForm): StreamDoor {
  return {
    kind: 'stream',
    label: 'SSE',
    port: 'main',
    publishPort: 'main',
    publish,
    subscribe: (channel) => [
      openingStep(requestBytes('GET', path(channel), ['Accept: text/event-stream']), 200),
    ],
  }
}

/** GitPubSub's feed, on a port of its own: each event a line of JSON in a chunk. */
export function feedDoor(publish: PublishForm): StreamDoor {
  return {
    kind: 'stream',
    label: 'feed',
    port: 'feed',
    publishPort: 'main',
    publish,
    subscribe: (channel) => [openingStep(requestBytes('GET', `/${channel}`, []), 200)],
    resume: (channel, since) => [
      openingStep(requestBytes('GET', `/${channel}`, [`X-Fetch-Since: ${since}`]), 200),
    ],
  }
}

/**
 * WebSocket, published to over HTTP. Frames are counted by their bodies' markers. The driver answers
 * no pings, so a measured interval must be shorter than the server's patience with a silent client.
 */
export function websocketDoor(path: (channel: string) => string, publish: PublishForm): StreamDoor {
  return {
    kind: 'stream',
    label: 'WebSocket',
    port: 'main',
    publishPort: 'main',
    publish,
    subscribe: (channel) => [
      openingStep(
        requestBytes('GET', path(channel), [
          'Upgrade: websocket',
          'Connection: Upgrade',
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
          'Sec-WebSocket-Version: 13',
        ]),
        101,
      ),
    ],
  }
}
