import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { postForm, postJsonForm } from '../doors/http.ts'
import { longpollDoor } from '../doors/longpoll.ts'
import { redisDoor } from '../doors/redis.ts'
import { nextToken, socketioDoor, TOKEN_SECRET } from '../doors/socketio.ts'
import { feedDoor, sseDoor, websocketDoor } from '../doors/stream.ts'
import { freePort } from '../run/launch.ts'
import { ROOT, scratch } from '../run/paths.ts'
import type { Peer } from './peer.ts'
import { startServer } from './server.ts'

const PROGRAM = join(ROOT, 'dist/src/cli/main.js')

/** Polls of an unknown channel are 404, so the channel is PUT first. */
const publish = postForm((channel) => `/publisher/${channel}`, true)
const publishJson = postJsonForm((channel) => `/publisher/${channel}`, true)

/** Our server, with its defaults. */
export const fanfare: Peer = {
  name: 'fanfare',
  about: 'this server, as `fanfare serve` starts it',
  doors: {
    sse: sseDoor((channel) => `/events/${channel}`, publish),
    websocket: websocketDoor((channel) => `/ws/${channel}`, publish),
    feed: feedDoor(publishJson),
    redis: redisDoor('redis'),
    socketio: socketioDoor(() => ({ token: nextToken() }), publish),
    longpoll: longpollDoor((channel) => `/subscriber/${channel}`, publish),
  },
  missing: () =>
    existsSync(PROGRAM) ? undefined : `${PROGRAM} is missing; build it: npm run build`,
  async start(core) {
    const port = await freePort()
    const feed = await freePort()
    const redis = await freePort()
    return startServer({
      // Ports of doors are set by environment variables, as they have no options.
      command: [
        'env',
        `FANFARE_FEED__PORT=${feed}`,
        `FANFARE_REDIS__PORT=${redis}`,
        `FANFARE_USERS__JWT__SECRET=${TOKEN_SECRET}`,
        process.execPath,
        ...nodeOptions(),
        PROGRAM,
        'serve',
        '--port',
        String(port),
      ],
      core,
      cwd: scratch('fanfare'),
      port,
      ports: { feed, redis },
      version,
    })
  },
}

/** Node's own options for the server alone, to profile it; see bench/README.md. */
function nodeOptions(): string[] {
  return process.env.BENCH_SERVER_OPTIONS?.split(' ').filter((word) => word !== '') ?? []
}

/** The package's version, with the commit where git knows one. */
function version(): string {
  const packaged: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const number = (packaged as { version: string }).version
  const git = spawnSync('git', ['describe', '--always', '--dirty'], { cwd: ROOT, encoding: 'utf8' })
  return git.status === 0 ? `${number} (${git.stdout.trim()})` : number
}
