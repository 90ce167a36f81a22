import { fanoutAddress, fanoutLines } from './fanout-source.ts'
import { lineOf, type PublishProtocol } from './publisher.ts'
import { chunksOf, openSocket } from './socket.ts'

/** How long an answer may take, in ms. */
const PATIENCE = 10_000

/** fanout's announcements. They have no answer; that to a `ping` behind them says that they were read. */
export const viaFanout: PublishProtocol = {
  carries: [],
  repeats: false,
  async open(url, signal) {
    const { host, port, name } = fanoutAddress(url)
    const socket = await openSocket({ host, port, signal })
    const lines = fanoutLines(chunksOf(socket, PATIENCE))
    return {
      async publish(messages) {
        const bodies = messages.map((message) => lineOf(message, 'an announcement'))
        for (const body of bodies) {
          socket.write(
            Buffer.concat([Buffer.from(`announce ${name} `, 'latin1'), Buffer.from(`${body}\n`)]),
          )
        }
        socket.write('ping\n')
        for (;;) {
          const { value } = await lines.next()
          if (value === undefined) throw new Error('the server closed the connection')
          const line = value.toString('latin1')
          if (line === 'debug!busy') throw new Error('the server is full')
          if (/^\d+$/.test(line)) return { id: 'announced' }
        }
      },
      close: async () => void socket.destroy(),
    }
  },
}
