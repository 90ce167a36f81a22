/**
 * The redis door: RESP2 and RESP3 on a port of its own. PUBLISH and SUBSCRIBE, and streams that read and
 * write the same messages. See docs/protocols/redis.md.
 */
import { doorOf } from '../../config/types.ts'
import type { Door } from '../door.ts'
import { redisConfig, redisKey } from './config.ts'
import { RedisServer } from './server.ts'

export const redis: Door = {
  name: 'redis',
  config: redisConfig,
  async start(context) {
    const config = doorOf(context.config, 'redis', redisKey)
    if (config === false) return undefined
    const server = new RedisServer(config, context)
    const place = await server.listen(config.address ?? context.config.address)
    return { places: [place], stop: () => server.close() }
  },
}
