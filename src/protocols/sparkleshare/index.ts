/**
 * The sparkleshare door: the notifications of SparkleShare's demonstration servers, over TCP in JSON and
 * XML, and over ZeroMQ. See docs/protocols/sparkleshare.md.
 */
import { doorOf } from '../../config/types.ts'
import type { Door } from '../door.ts'
import { sparkleshareConfig, sparkleshareKey } from './config.ts'
import { SparkleshareServer } from './server.ts'
import { startZeromq } from './zeromq/index.ts'

export const sparkleshare: Door = {
  name: 'sparkleshare',
  config: sparkleshareConfig,
  async start(context) {
    const config = doorOf(context.config, 'sparkleshare', sparkleshareKey)
    if (config === false) return undefined
    const server = new SparkleshareServer(config, context)
    const address = config.address ?? context.config.address
    const place = await server.listen(address)
    const { zeromq } = config
    if (zeromq === false) return { places: [place], stop: () => server.close() }
    try {
      const running = await startZeromq(zeromq, server, zeromq.address ?? address)
      return {
        places: [place, ...running.places],
        async stop() {
          await running.stop()
          await server.close()
        },
      }
    } catch (error) {
      await server.close()
      throw error
    }
  },
}
