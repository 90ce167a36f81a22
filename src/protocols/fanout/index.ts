/**
 * The fanout door: the line protocol that SparkleShare's clients and git hook speak, on a port of its
 * own. See docs/protocols/fanout.md.
 */
import { doorOf } from '../../config/types.ts'
import type { Door, DoorContext } from '../door.ts'
import { runningServer } from '../running.ts'
import { fanoutConfig, fanoutKey } from './config.ts'
import { FanoutServer } from './server.ts'

export const fanout: Door = {
  name: 'fanout',
  config: fanoutConfig,
  async start(context, former) {
    const config = optionsIn(context)
    if (config === false) return undefined
    const server = new FanoutServer(config, context)
    const place = await server.listen(former?.listener)
    return runningServer(server, place, optionsIn)
  },
}

const optionsIn = ({ config }: DoorContext) => doorOf(config, 'fanout', fanoutKey)
