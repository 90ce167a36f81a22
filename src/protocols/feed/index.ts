/**
 * The feed door: GitPubSub 0.9 on a port of its own. A GET is an endless stream of JSON, one event a
 * chunk; POST and PUT publish; HEAD counts. See docs/protocols/feed.md.
 */
import { doorOf } from '../../config/types.ts'
import type { Door, DoorContext } from '../door.ts'
import { runningServer } from '../running.ts'
import { feedConfig, feedKey } from './config.ts'
import { FeedServer } from './server.ts'

export const feed: Door = {
  name: 'feed',
  config: feedConfig,
  async start(context, former) {
    const config = optionsIn(context)
    if (config === false) return undefined
    const server = new FeedServer(config, context)
    const place = await server.listen(former?.listener)
    return runningServer(server, place, optionsIn)
  },
}

const optionsIn = ({ config }: DoorContext) => doorOf(config, 'feed', feedKey)
