import { namedAddress } from './address.ts'
import { lineOf, type PublishProtocol } from './publisher.ts'
import { NotConnectedError } from './socket.ts'
import { RefusedError } from './source.ts'
import { commandOf } from './sparkleshare-source.ts'
import { loadZmq, MISMATCH, plainOf, REFUSED, ZMQ_COMMAND_PORT, zmqEndpoint } from './zmq.ts'

/** How long a server may take to be there, and to take what is sent, in ms. */
const PATIENCE = 3_000

/** SparkleShare's notifications over ZeroMQ: PUSH to its command socket. It gives no answer. */
export const viaZmq: PublishProtocol = {
  carries: [],
  repeats: false,
  async open(url, signal) {
    const { host, port, text: repo } = namedAddress(url, ZMQ_COMMAND_PORT, 'repository')
    const { Push } = await loadZmq()
    const socket = new Push({
      ipv6: host.includes(':'),
      immediate: true,
      linger: PATIENCE,
      sendTimeout: PATIENCE,
      ...plainOf(url),
    })
    signal?.addEventListener('abort', () => socket.close(), { once: true })
    let refused: string | undefined
    const refuse = (why: string): void => {
      refused ??= why
      socket.close()
    }
    socket.events.on('handshake:error:auth', () => refuse(REFUSED))
    socket.events.on('handshake:error:protocol', () => refuse(MISMATCH))
    socket.connect(zmqEndpoint(host, port))
    return {
      async publish(messages) {
        for (const message of messages) {
          const revision = lineOf(message, 'a revision')
          try {
            await socket.send(commandOf({ repo, command: 'new_version', revision }))
          } catch (error) {
            if (refused !== undefined) throw new RefusedError(refused)
            throw new NotConnectedError('nothing there takes notifications', { cause: error })
          }
        }
        return { id: 'sent' }
      },
      close: async () => socket.close(),
    }
  },
}
