import { once } from 'node:events'
import { namedAddress } from './address.ts'
import { lineOf, type PublishProtocol } from './publisher.ts'
import { openSocket } from './socket.ts'
import { commandOf, SPARKLESHARE_PORT } from './sparkleshare-source.ts'

/** How long the server may take to close its side, in ms. */
const PATIENCE = 5_000

/**
 * SparkleShare's notifications over TCP. The protocol has no answer: that the server closes its side
 * after ours is all that says that it has read them.
 */
export const viaSparkleShare: PublishProtocol = {
  carries: [],
  repeats: false,
  async open(url, signal) {
    const { host, port, text: repo } = namedAddress(url, SPARKLESHARE_PORT, 'repository')
    const socket = await openSocket({ host, port, signal })
    let failure: Error | undefined
    socket.on('error', (error) => (failure ??= error))
    socket.resume()
    return {
      async publish(messages) {
        for (const message of messages) {
          const revision = lineOf(message, 'a revision')
          const command = commandOf({ repo, command: 'new_version', revision })
          if (!socket.write(command) && !socket.destroyed) {
            await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {})
          }
        }
        if (failure) throw failure
        if (socket.destroyed) throw new Error('the server closed the connection')
        return { id: 'sent' }
      },
      async close() {
        if (!socket.destroyed) {
          const late = setTimeout(() => socket.destroy(), PATIENCE)
          socket.end()
          await once(socket, 'close').catch(() => {})
          clearTimeout(late)
        }
        if (failure) throw failure
      },
    }
  },
}
