import { control } from './control.ts'
import { fanfare } from './fanfare.ts'
import { mosquitto } from './mosquitto.ts'
import { nats } from './nats.ts'
import { nchan } from './nchan.ts'
import type { Peer } from './peer.ts'
import { redis } from './redis.ts'
import { socketio } from './socketio.ts'

/** Ours, that all others are compared to. */
export const OURS = fanfare.name

/** In the order that tables show them. A new peer is a file and a line here. */
export const PEERS: readonly Peer[] = [fanfare, nchan, redis, nats, mosquitto, socketio, control]

export function peerNamed(name: string): Peer {
  const peer = PEERS.find((one) => one.name === name)
  if (peer === undefined) throw new Error(`no peer ${name}`)
  return peer
}
