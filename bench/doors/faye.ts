import type { PublishForm, Step, StreamDoor } from './door.ts'
import { WireError } from './door.ts'
import { openingStep } from './http.ts'
import { firstText, frameStep, maskedFrame } from './socketio.ts'
import { upgradeBytes } from './stream.ts'

/** Bayeux 1.0 over WebSocket, published to over HTTP. */
export function fayeDoor(publish: PublishForm): StreamDoor {
  return {
    kind: 'stream',
    label: 'Bayeux',
    port: 'main',
    publishPort: 'main',
    publish,
    subscribe,
  }
}

function subscribe(channel: string): Step[] {
  let clientId = ''
  const hello = {
    channel: '/meta/handshake',
    version: '1.0',
    supportedConnectionTypes: ['websocket'],
  }
  const follow = (): Uint8Array => {
    const connect = { channel: '/meta/connect', clientId, connectionType: 'websocket' }
    const subscription = { channel: '/meta/subscribe', clientId, subscription: `/${channel}` }
    // In frames of their own: a connect is answered late, and all of a frame together.
    return Buffer.concat([subscription, connect].map((one) => maskedFrame(JSON.stringify([one]))))
  }
  return [
    openingStep(upgradeBytes('/faye'), 101),
    {
      send: maskedFrame(JSON.stringify([hello])),
      end(received) {
        const frame = firstText(received)
        if (frame === undefined) return -1
        clientId = /"clientId":"([^"]+)"/.exec(frame.text)?.[1] ?? ''
        if (clientId === '') throw new WireError(`refused: ${frame.text.slice(0, 120)}`)
        return frame.end
      },
    },
    { ...frameStep(undefined, '['), send: follow },
  ]
}
