/**
 * The redis door: RESP2 and RESP3 on a port of its own. PUBLISH and SUBSCRIBE, and streams that read and
 * write the same messages. See docs/protocols/redis.md.
 */
import { doorOf } from '../../config/types.ts'
import type { Door, DoorContext } from '../door.ts'
import { runningServer } from '../running.ts'
import { redisConfig, redisKey } from './config.ts'
import { RedisServer } from './server.ts'

export const redis: Door = {
  name: 'redis',
  config: redisConfig,
  async start(context, former) {
    const config = optionsIn(context)
    if (config === false) return undefined
    const server = new RedisServer(config, context)
    const place = await server.listen(former?.listener)
    return runningServer(server, place, optionsIn)
  },
}

const optionsIn = ({ config }: DoorContext) => doorOf(config, 'redis', redisKey)
