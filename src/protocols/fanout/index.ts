/**
 * The fanout door: the line protocol that SparkleShare's clients and git hook speak, on a port of its
 * own. See docs/protocols/fanout.md.
 */
import { doorOf } from '../../config/types.ts'
import type { Door } from '../door.ts'
import { fanoutConfig, fanoutKey } from './config.ts'
import { FanoutServer } from './server.ts'

export const fanout: Door = {
  name: 'fanout',
  config: fanoutConfig,
  async start(context) {
    const config = doorOf(context.config, 'fanout', fanoutKey)
    if (config === false) return undefined
    const server = new FanoutServer(config, context)
    const place = await server.listen(config.address ?? context.config.address)
    return { places: [place], stop: () => server.close() }
  },
}
