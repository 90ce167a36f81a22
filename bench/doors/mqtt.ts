import type { PublishForm, ReplyReader, Step, StreamDoor } from './door.ts'
import { WireError } from './door.ts'

// Types of packets (MQTT 3.1.1, section 2.2.1).
const CONNECT = 0x10
const CONNACK = 0x20
const PUBLISH_QOS_1 = 0x32
const PUBACK = 0x40
const SUBSCRIBE = 0x82
const SUBACK = 0x90

let clients = 0

function packet(type: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length: number[] = []
  for (let rest = body.length; ; rest >>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest)
    if (rest <= 127) break
  }
  return Buffer.concat([Buffer.from([type, ...length]), body])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
}

/** Sends a packet and waits for the short one that answers it. */
function packetStep(send: Buffer, answer: number, length: number): Step {
  return {
    send,
    end(received) {
      if (received.length < length) return -1
      if (received[0] !== answer || (received[length - 1] ?? 0) > 2) {
        throw new WireError(`refused: ${received.toString('hex', 0, length)}`)
      }
      return length
    },
  }
}

/** A clean session that is never pinged. */
function connectStep(): Step {
  const flags = Buffer.from([4, 2, 0, 0])
  const send = packet(CONNECT, text('MQTT'), flags, text(`bench-${process.pid}-${clients++}`))
  return packetStep(send, CONNACK, 4)
}

/** PUBACKs are four bytes each. */
class PubAcks implements ReplyReader {
  #partly = 0

  take(bytes: Buffer, from: number, to: number): number {
    if (this.#partly === 0 && bytes[from] !== PUBACK) throw new WireError('not acknowledged')
    const have = this.#partly + to - from
    this.#partly = have % 4
    return (have - this.#partly) / 4
  }
}

/** Publishers use QoS 1, so that there is an answer to count; subscribers QoS 0. */
const publish: PublishForm = {
  prepare: () => [],
  greet: () => [connectStep()],
  request: (channel, body) => packet(PUBLISH_QOS_1, text(channel), Buffer.from([0, 1]), body),
  replies: () => new PubAcks(),
}

function subscribe(topic: string): Step[] {
  const parts = [Buffer.from([0, 1]), text(topic), Buffer.from([0])]
  return [connectStep(), packetStep(packet(SUBSCRIBE, ...parts), SUBACK, 5)]
}

/** MQTT 3.1.1: a subscriber at QoS 0 is sent PUBLISH packets. */
export function mqttDoor(): StreamDoor {
  return {
    kind: 'stream',
    label: 'MQTT',
    port: 'main',
    publishPort: 'main',
    publish,
    subscribe,
    subtree: (prefix) => subscribe(`${prefix}#`),
  }
}
