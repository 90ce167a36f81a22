/** SparkleShare's notifications over ZeroMQ: a broadcast socket, and one that takes commands. */
import { lookup } from 'node:dns/promises'
import { isIP, isIPv6 } from 'node:net'
import type { Socket } from 'zeromq'
import type { Caller } from '../../../access/caller.ts'
import { MAX_CHANNEL_BYTES } from '../../../model/channel.ts'
import type { Running } from '../../door.ts'
import { Counted } from './counted.ts'
import type { ZeromqConfig } from '../config.ts'
import type { SparkleshareServer } from '../server.ts'
import { Broadcast } from './broadcast.ts'
import { framesOf } from './frames.ts'
import { placeOf } from './place.ts'
import { runCommands, runGate, ZAP_ENDPOINT } from './commands.ts'
import { startSecured } from './secured.ts'
import { loadZeromq, type Zeromq, ZeromqOff } from './library.ts'

/** Any name makes libzmq ask; it tells the sockets apart. */
const COMMANDS = 'commands'
const BROADCAST = 'broadcast'

/**
 * Opens both sockets; without the package, says so and opens none.
 * @param address '' = all interfaces
 * @throws Error as zeromq gives it, when a port cannot be listened on
 */
export async function startZeromq(
  config: ZeromqConfig,
  server: SparkleshareServer,
  address: string,
): Promise<Running> {
  try {
    const zeromq = await loadZeromq()
    if (config.security !== 'none') return await startSecured(zeromq, config, server, address)
    return await open(zeromq, config, server, address)
  } catch (error) {
    if (!(error instanceof ZeromqOff)) throw error
    server.onError(error)
    const where = 'off: the optional package zeromq cannot be loaded'
    return { places: [{ what: 'zeromq', where }], stop: () => {} }
  }
}

async function open(
  zeromq: Zeromq,
  config: ZeromqConfig,
  server: SparkleshareServer,
  address: string,
): Promise<Running> {
  // One of its own: the gate is for all sockets of a context.
  const context = new zeromq.Context({ blocky: false })
  const host = await hostOf(address)
  const { handshakeTimeout: handshakeInterval } = server.limits
  const shared = { context, linger: 0, ipv6: host.ipv6, handshakeInterval }
  const gate = new zeromq.Reply({ context, linger: 0 })
  const command = new zeromq.Pull({
    ...shared,
    receiveHighWaterMark: config.receiveHighWaterMark,
    maxMessageSize: server.config.maxObjectBytes,
    zapDomain: COMMANDS,
  })
  // Asking turns away peers of ZMTP 1 and 2: not where there is nothing to ask.
  const asks = !server.access.isOpenToAll
  const socket = new zeromq.XPublisher({
    noDrop: true,
    ...shared,
    sendHighWaterMark: config.sendHighWaterMark,
    // Says at once that a queue is full.
    sendTimeout: 0,
    // What peers send here are subscriptions: a byte, and the beginning of a name with its slash.
    maxMessageSize: MAX_CHANNEL_BYTES + 2,
    ...(asks ? { zapDomain: BROADCAST } : {}),
  })
  const broadcast = new Broadcast(socket, server.hub, {
    mayTell: () => asks || server.access.isOpenToAll,
    onError: server.onError,
  })
  const counted = new Counted(server.connections)
  counted.watch(command)
  counted.watch(socket)
  const stop = (): void => {
    counted.close()
    broadcast.close()
    command.close()
    gate.close()
  }
  try {
    await gate.bind(ZAP_ENDPOINT)
    await socket.bind(`tcp://${host.name}:${portOf(config.broadcast)}`)
    await command.bind(`tcp://${host.name}:${portOf(config.command)}`)
  } catch (error) {
    stop()
    throw error
  }
  const { access, hub, zeromqTraffic: traffic, onError } = server
  const admits = (domain: string, peer: string): boolean => {
    if (domain === COMMANDS) return server.trusts(peer, traffic)
    // What it follows is not asked for one by one: whoever may not follow everything gets nothing.
    const may = access.mayFollowAll(access.identifyPeer(peer))
    if (!may) traffic.refused++
    return may
  }
  runGate(gate, admits, () => counted.hasRoom).catch(onError)
  // Whoever gets as far as sending one is trusted.
  const sender = (): Caller => access.trustedPeer()
  runCommands(framesOf(command), hub, access, sender, traffic, onError).catch(onError)
  broadcast.run().catch(server.onError)
  return {
    places: [
      placeOf('zmq notify', address, boundTo(socket)),
      placeOf('zmq command', address, boundTo(command)),
    ],
    drain: async () => {
      await broadcast.finish()
      stop()
    },
    stop,
  }
}

function portOf(port: number): string {
  return port === 0 ? '*' : String(port)
}

/** A host as libzmq's `bind` takes it: an address in numbers, or `*`. */
async function hostOf(address: string): Promise<{ name: string; ipv6: boolean }> {
  if (address === '') return { name: '*', ipv6: true }
  const ip = isIP(address) === 0 ? (await lookup(address)).address : address
  return isIPv6(ip) ? { name: `[${ip}]`, ipv6: true } : { name: ip, ipv6: false }
}

function boundTo(socket: Socket): string {
  return /\d+$/.exec(socket.lastEndpoint ?? '')?.[0] ?? ''
}
