import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Door, PublishForm } from '../doors/door.ts'
import { postForm, postJsonForm, postOnceForm, serviceForm } from '../doors/http.ts'
import { longpollDoor } from '../doors/longpoll.ts'
import { redisDoor, xaddForm, xreadDoor } from '../doors/redis.ts'
import { emitForm, nextToken, socketioDoor, TOKEN_SECRET } from '../doors/socketio.ts'
import { ENVELOPES, feedDoor, sseDoor, websocketDoor } from '../doors/stream.ts'
import { zeromqDoor } from '../doors/zeromq.ts'
import { freePort } from '../run/launch.ts'
import { ROOT, scratch } from '../run/paths.ts'
import type { Peer } from './peer.ts'
import { nodeCommand, startServer } from './server.ts'

const PROGRAM = join(ROOT, 'dist/src/cli/main.js')

/** Polls of an unknown channel are 404, so the channel is PUT first. */
const pathOf = (channel: string): string => `/publisher/${channel}`
const publish = postForm(pathOf, true)
const publishJson = postJsonForm(pathOf, true)

const auth = (): object => ({ token: nextToken() })

const sse = sseDoor((channel) => `/events/${channel}`, publish)

/** A door of which only the publishing half is used. */
function publishing(label: string, form: PublishForm, publishPort = 'main'): Door {
  return { ...sse, label, publish: form, publishPort }
}

/** Our server, with its defaults. */
export const fanfare: Peer = {
  name: 'fanfare',
  about: 'this server, as `fanfare serve` starts it',
  doors: {
    sse,
    websocket: websocketDoor((channel) => `/ws/${channel}`, publish, ENVELOPES),
    feed: feedDoor(publishJson),
    redis: redisDoor('redis'),
    xread: xreadDoor('redis'),
    // A notification is a revision, which is what is counted there.
    zeromq: zeromqDoor(xaddForm(['body', 'x', 'revision'])),
    socketio: socketioDoor(auth, publish),
    longpoll: longpollDoor((channel) => `/subscriber/${channel}`, publish),
    relay: publishing('HTTP', publish),
    'relay-close': publishing('HTTP, Connection: close', postOnceForm(pathOf, true)),
    service: publishing('management service', serviceForm(), 'management'),
    'socketio-publish': publishing('Socket.IO', emitForm(auth)),
  },
  missing: () =>
    existsSync(PROGRAM) ? undefined : `${PROGRAM} is missing; build it: npm run build`,
  async start(core, _door, settings) {
    const port = await freePort()
    const ports = {
      feed: await freePort(),
      redis: await freePort(),
      management: await freePort(),
      zeromq: await freePort(),
    }
    return startServer({
      command: nodeCommand(...nodeOptions(), PROGRAM, 'serve', '--port', String(port)),
      node: true,
      env: {
        // Ports of doors are set by environment variables, as they have no options.
        FANFARE_FEED__PORT: String(ports.feed),
        FANFARE_REDIS__PORT: String(ports.redis),
        FANFARE_MANAGEMENT__PORT: String(ports.management),
        // As the peers: nothing is written to disk.
        FANFARE_STORE__TYPE: 'memory',
        FANFARE_FANOUT__PORT: '0',
        FANFARE_SPARKLESHARE__PORT: '0',
        FANFARE_SPARKLESHARE__ZEROMQ__BROADCAST: String(ports.zeromq),
        FANFARE_SPARKLESHARE__ZEROMQ__COMMAND: '0',
        FANFARE_USERS__JWT__SECRET: TOKEN_SECRET,
        FANFARE_USERS__PUBLISH: '[/]',
        ...settings,
      },
      core,
      cwd: scratch('fanfare'),
      port,
      ports,
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
