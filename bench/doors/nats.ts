import type { PublishForm, ReplyReader, Step, StreamDoor } from './door.ts'
import { WireError } from './door.ts'

const LF = 0x0a

/** Sends some lines, if any, and waits for an answer of one line that begins so. */
function lineStep(begins: string, send?: string): Step {
  return {
    ...(send === undefined ? {} : { send: Buffer.from(send) }),
    end(received) {
      const end = received.indexOf(LF)
      if (end === -1) return -1
      const line = received.toString('latin1', 0, end)
      if (!line.startsWith(begins)) throw new WireError(`refused: ${line.slice(0, 80)}`)
      return end + 1
    },
  }
}

const PLUS = 0x2b
const MINUS = 0x2d

/** Every publish is answered `+OK`, which is what `verbose` is for. A PING may come in between. */
class NatsReplies implements ReplyReader {
  take(bytes: Buffer, from: number, to: number): number {
    let replies = 0
    for (let at = from; at < to; at++) {
      if (bytes[at] === PLUS) replies++
      if (bytes[at] === MINUS) throw new WireError(bytes.toString('latin1', at, to))
    }
    return replies
  }
}

const publish: PublishForm = {
  prepare: () => [],
  greet: () => [lineStep('INFO'), lineStep('+OK', 'CONNECT {"verbose":true,"pedantic":false}\r\n')],
  request: (channel, body) =>
    Buffer.concat([
      Buffer.from(`PUB ${subject(channel)} ${body.length}\r\n`),
      body,
      Buffer.from('\r\n'),
    ]),
  replies: () => new NatsReplies(),
}

/** NATS separates levels by dots. */
function subject(channel: string): string {
  return channel.replaceAll('/', '.')
}

function subscribe(subjects: readonly string[]): Step[] {
  const subs = subjects.map((name, i) => `SUB ${name} ${i + 1}\r\n`).join('')
  return [
    lineStep('INFO'),
    lineStep('PONG', `CONNECT {"verbose":false,"pedantic":false}\r\n${subs}PING\r\n`),
  ]
}

/** NATS core: a subscriber is sent `MSG` lines and bodies. */
export function natsDoor(): StreamDoor {
  return {
    kind: 'stream',
    label: 'NATS',
    port: 'main',
    publishPort: 'main',
    // Each publisher's messages are in order, those of several come as they come.
    commonOrder: false,
    publish,
    subscribe: (channel) => subscribe([subject(channel)]),
    subtree: (prefix) => subscribe([`${subject(prefix)}>`]),
    several: (channels) => subscribe(channels.map(subject)),
    answer: (bytes, from, to) =>
      bytes.toString('latin1', from, to) === 'PING\r\n' ? Buffer.from('PONG\r\n') : undefined,
  }
}
