import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Reply } from 'zeromq'
import { sseDoor } from '../doors/stream.ts'
import { pushForm } from '../doors/zeromq.ts'
import { freePort } from '../run/launch.ts'
import { scratch } from '../run/paths.ts'
import type { Peer } from './peer.ts'
import { startServer } from './server.ts'

const PROGRAM = ['/usr/bin/pushpin', '/usr/local/bin/pushpin']

/** Until it holds a first request, and until another one is tried, in milliseconds. */
const START_MS = 10_000
const ASK_MS = 1000
/**
 * Its proxy passes held requests on to its handler by a queue of 100, and answers 500 to what finds that
 * full, as some of 128 at once do.
 */
const OPENING_AT_ONCE = 32
/**
 * A message that does not fit into a connection's buffer ends the connection, and a small buffer ends it
 * where several messages meet; a large one takes memory. In bytes.
 */
const BUFFERS = { idle: 8192, large: 4 * 1024 * 1024, other: 64 * 1024 }
/** It sends 2,500 messages a second unless it is told otherwise. */
const UNBOUND = 1_000_000_000

function program(): string | undefined {
  return PROGRAM.find((path) => existsSync(path))
}

/**
 * Items are published to its ZeroMQ port, as its own tools do. Its HTTP control port answers one request
 * a connection, so that connections are what would be measured there.
 */
const publish = pushForm((channel, body) => {
  const stream = tnetMap({ content: tnetString(`data: ${body.toString('latin1')}\n\n`) })
  return Buffer.from(
    tnetMap({ channel: tnetString(channel), formats: tnetMap({ 'http-stream': stream }) }),
    'latin1',
  )
})

const door = sseDoor((channel) => `/events/${channel}`, publish)

/** Pushpin, with a backend of ours that holds every request as a stream of its path's channel. */
export const pushpin: Peer = {
  name: 'pushpin',
  about: 'Pushpin, GRIP: each request held as a stream by its backend',
  doors: {
    sse: { ...door, publishPort: 'push', openingAtOnce: OPENING_AT_ONCE, underWay: 1 },
  },
  // With 1,000 subscribers it cancels some: see bench/README.md.
  onlyIn: ['idle', 'slow', 'large-64k', 'large-1m'],
  missing: () =>
    program() === undefined
      ? 'install it: apt-get install -y --no-install-recommends pushpin'
      : undefined,
  async start(core, _door, _settings, shape = '') {
    const found = program()
    if (found === undefined) throw new Error('pushpin is missing')
    const [port, push, backend] = [await freePort(), await freePort(), await freePort()]
    const folder = scratch('pushpin')
    mkdirSync(join(folder, 'run'))
    const config = join(folder, 'pushpin.conf')
    writeFileSync(config, configOf({ folder, port, push, shape }))
    writeFileSync(join(folder, 'routes'), `* zhttpreq/tcp://127.0.0.1:${backend}\n`)
    const held = startBackend(backend)
    try {
      const running = await startServer({
        command: [found, '--config', config],
        core,
        cwd: folder,
        port,
        ports: { push },
        version: () => versionOnceReady(found, port),
      })
      const stop = async (): Promise<void> => {
        held.close()
        await running.stop()
      }
      return { ...running, lastWords: () => running.lastWords(), stop }
    } catch (error) {
      held.close()
      throw error
    }
  },
}

/**
 * Holds every request that Pushpin asks about. It is asked by ZHTTP, so that Zurl, which Pushpin needs for
 * backends of HTTP, is not: with many requests at once that answers some with 502.
 */
function startBackend(port: number): Reply {
  const socket = new Reply({ linger: 0 })
  // Pushpin is who binds.
  socket.connect(`tcp://127.0.0.1:${port}`)
  void answerAll(socket)
  return socket
}

async function answerAll(socket: Reply): Promise<void> {
  try {
    for await (const [request] of socket) await socket.send(holding(request?.toString() ?? ''))
  } catch (error) {
    // Closed while it was answering.
    if (!socket.closed) throw error
  }
}

/** @param request a map in tnetstrings behind a `T` */
function holding(request: string): string {
  const id = /2:id,\d+:([^,]+),/.exec(request)?.[1] ?? ''
  const channel = /\/events\/([^,]+),/.exec(request)?.[1] ?? ''
  const headers = [
    ['Content-Type', 'text/event-stream'],
    ['Grip-Hold', 'stream'],
    ['Grip-Channel', channel],
  ]
  const answer = tnetMap({
    id: tnetString(id),
    code: tnet('200', '#'),
    reason: tnetString('OK'),
    headers: tnet(headers.map((pair) => tnet(pair.map(tnetString).join(''), ']')).join(''), ']'),
    body: tnetString(''),
  })
  return `T${answer}`
}

/** Its processes find each other in their own time: a request must have gone through all of them. */
async function versionOnceReady(found: string, port: number): Promise<string> {
  const deadline = performance.now() + START_MS
  while (!(await isHeld(port))) {
    if (performance.now() > deadline) throw new Error('pushpin does not hold a request')
  }
  return spawnSync(found, ['--version'], { encoding: 'utf8' }).stdout.trim()
}

async function isHeld(port: number): Promise<boolean> {
  const given = new AbortController()
  const timer = setTimeout(() => given.abort(), ASK_MS)
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/events/ready`, { signal: given.signal })
    return answer.status === 200
  } catch {
    return false
  } finally {
    clearTimeout(timer)
    given.abort()
  }
}

/** A value in tnetstrings, Pushpin's own format of messages; all of Latin-1. */
function tnet(text: string, type: ',' | '#' | ']' | '}'): string {
  return `${text.length}:${text}${type}`
}

function tnetString(text: string): string {
  return tnet(text, ',')
}

function tnetMap(fields: Readonly<Record<string, string>>): string {
  const inside = Object.entries(fields).map(([name, value]) => tnetString(name) + value)
  return tnet(inside.join(''), '}')
}

function configOf({
  folder,
  port,
  push,
  shape,
}: {
  readonly folder: string
  readonly port: number
  readonly push: number
  readonly shape: string
}): string {
  const large = shape.startsWith('large') ? BUFFERS.large : BUFFERS.other
  const buffer = shape === 'idle' ? BUFFERS.idle : large
  return `[global]
include={libdir}/internal.conf
rundir=${folder}/run
[runner]
services=condure,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:${port}
logdir=${folder}
client_maxconn=20000
log_level=1
client_buffer_size=${buffer}
[proxy]
routesfile=${folder}/routes
[handler]
push_in_spec=tcp://127.0.0.1:${push}
message_rate=${UNBOUND}
message_hwm=${UNBOUND}
`
}
