import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { postForm, postOnceForm } from '../doors/http.ts'
import { longpollDoor } from '../doors/longpoll.ts'
import { sseDoor, type WebsocketCursor, websocketDoor } from '../doors/stream.ts'
import { freePort } from '../run/launch.ts'
import { scratch } from '../run/paths.ts'
import { nchanConfig } from './nchan-config.ts'
import type { Peer } from './peer.ts'
import { startServer } from './server.ts'

const MODULE_FILE = 'ngx_nchan_module.so'
const MODULE_FOLDERS = [
  '/usr/lib/nginx/modules',
  '/usr/lib64/nginx/modules',
  '/usr/share/nginx/modules',
]

const pathOf = (channel: string): string => `/publisher/${channel}`
const publish = postForm(pathOf, false)
const sse = sseDoor((channel) => `/events/${channel}`, publish)

/** Ids come only with nchan's subprotocol, so only those who come back ask for it. */
const CURSOR: WebsocketCursor = {
  pattern: /id: (\d+:[-\d,[\]]+)\n/g,
  headers: (cursor) => [
    'Sec-WebSocket-Protocol: ws+meta.nchan',
    ...(cursor === undefined ? [] : [`Last-Event-ID: ${cursor}`]),
  ],
  query: () => '',
}

/** nginx with nchan, the best-known push server of the same protocols. */
export const nchan: Peer = {
  name: 'nchan',
  about: 'nginx with the nchan module, one worker',
  doors: {
    sse,
    websocket: websocketDoor((channel) => `/ws/${channel}`, publish, CURSOR),
    longpoll: longpollDoor((channel) => `/subscriber/${channel}`, publish),
    relay: { ...sse, label: 'HTTP' },
    'relay-close': {
      ...sse,
      label: 'HTTP, Connection: close',
      publish: postOnceForm(pathOf, false),
    },
  },
  missing() {
    if (spawnSync('nginx', ['-v']).status === 0 && modulePath() !== undefined) return undefined
    return 'install it: apt-get install -y --no-install-recommends nginx libnginx-mod-nchan'
  },
  async start(core) {
    const module = modulePath()
    if (module === undefined) throw new Error(`${MODULE_FILE} is missing`)
    const port = await freePort()
    const folder = scratch('nchan')
    const config = join(folder, 'nginx.conf')
    writeFileSync(config, nchanConfig({ module, folder, port }))
    return startServer({
      command: ['nginx', '-c', config, '-p', folder, '-e', join(folder, 'error.log')],
      core,
      cwd: folder,
      port,
      version: () => version(port),
    })
  },
}

/** Where nginx's own modules path or the usual folders have it. */
function modulePath(): string | undefined {
  const built = spawnSync('nginx', ['-V'], { encoding: 'utf8' }).stderr ?? ''
  const own = /--modules-path=(\S+)/.exec(built)?.[1]
  const folders = own === undefined ? MODULE_FOLDERS : [own, ...MODULE_FOLDERS]
  return folders.map((folder) => join(folder, MODULE_FILE)).find((path) => existsSync(path))
}

/** Both versions, as the running server tells them. */
async function version(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/status`)
  const server = answer.headers.get('server') ?? 'nginx'
  const own = /nchan version: (\S+)/.exec(await answer.text())?.[1] ?? '?'
  return `${own} in ${server}`
}
