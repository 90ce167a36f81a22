import type { Reply } from 'zeromq'
import type { Access } from '../../../access/access.ts'
import type { Caller } from '../../../access/caller.ts'
import type { Hub } from '../../../hub/hub.ts'
import type { Traffic } from '../../../hub/traffic.ts'
import { FanfareError } from '../../../model/errors.ts'
import { chain, type MaybePromise } from '../../../model/maybe.ts'
import { draftOf, readPacket } from '../packet.ts'
import { framesOf } from './frames.ts'
import { turn } from './turn.ts'

/** How many frames are read before everybody else has a turn. */
const TURN = 256

/**
 * The socket that takes `new_version`: one frame, JSON.
 * @param source of frames: the socket
 * @param who sends them
 * @returns once the socket was closed
 */
export async function runCommands(
  source: AsyncIterable<readonly Buffer[]>,
  hub: Hub,
  access: Access,
  who: () => MaybePromise<Caller>,
  traffic: Traffic,
  onError: (error: unknown) => void,
): Promise<void> {
  let count = 0
  for await (const frames of source) {
    const [bytes] = frames
    const packet = frames.length === 1 && bytes && readPacket({ dialect: 'json', bytes })
    if (packet && packet.command === 'new_version') {
      try {
        // A store that has to wait makes the peers wait.
        const draft = draftOf(packet)
        await chain(who(), (caller) => access.mustPublish(caller, draft.channel))
        await hub.publish(draft, traffic)
      } catch (error) {
        if (error instanceof FanfareError && error.status < 500) traffic.refused++
        else onError(error)
      }
    }
    if (++count % TURN === 0) await turn()
  }
}

/** Where libzmq asks about every peer of a socket that has a ZAP domain (ZeroMQ RFC 27). */
export const ZAP_ENDPOINT = 'inproc://zeromq.zap.01'

/**
 * Says who may connect, by address. With this, libzmq also turns away peers of ZMTP 1 and 2: those that
 * a web page could imitate, as they shake no hands.
 * @returns once the socket was closed
 */
export async function runGate(
  socket: Reply,
  admits: (domain: string, address: string) => boolean,
  hasRoom: () => boolean,
): Promise<void> {
  for await (const frames of framesOf(socket)) {
    const [version = '', id = '', domain, address] = frames
    const ok = admits(domain?.toString('latin1') ?? '', address?.toString('latin1') ?? '')
    // 300 is for the moment: libzmq closes such a connection when its handshake has taken too long, and its
    // peer comes back; one that is told 400 does not.
    const answer = !ok ? ['400', 'not trusted'] : hasRoom() ? ['200', 'OK'] : ['300', 'full']
    await socket.send([version, id, ...answer, '', ''])
  }
}
