import { control } from './control.ts'
import { fanfare } from './fanfare.ts'
import { faye } from './faye.ts'
import { floor } from './floor.ts'
import { mosquitto } from './mosquitto.ts'
import { nats } from './nats.ts'
import { nchan } from './nchan.ts'
import type { Peer } from './peer.ts'
import { pushpin } from './pushpin.ts'
import { redis } from './redis.ts'
import { socketio, socketioRecovery } from './socketio.ts'

/** Ours, that all others are compared to. */
export const OURS = fanfare.name

/** In the order that tables show them. A new peer is a file and a line here. */
export const PEERS: readonly Peer[] = [
  fanfare,
  nchan,
  pushpin,
  redis,
  nats,
  mosquitto,
  socketio,
  socketioRecovery,
  faye,
  control,
  floor,
]

export function peerNamed(name: string): Peer {
  const peer = PEERS.find((one) => one.name === name)
  if (peer === undefined) throw new Error(`no peer ${name}`)
  return peer
}
