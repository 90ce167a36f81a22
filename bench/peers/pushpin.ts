import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { postForm } from '../doors/http.ts'
import type { PublishForm } from '../doors/door.ts'
import { sseDoor } from '../doors/stream.ts'
import { freePort } from '../run/launch.ts'
import { scratch } from '../run/paths.ts'
import type { Peer } from './peer.ts'
import { startServer } from './server.ts'

const PROGRAM = ['/usr/bin/pushpin', '/usr/local/bin/pushpin']

function program(): string | undefined {
  return PROGRAM.find((path) => existsSync(path))
}

/** Items are published by its control port, in JSON around the body. */
const bare = postForm(() => '/publish/', false)
const publish: PublishForm = {
  ...bare,
  request(channel, body) {
    const item = { channel, formats: { 'http-stream': { content: `data: ${String(body)}\n\n` } } }
    return bare.request(channel, Buffer.from(JSON.stringify({ items: [item] })))
  },
}

const door = sseDoor((channel) => `/events/${channel}`, publish)

/** Pushpin, with a backend of ours that holds every request as a stream of its path's channel. */
export const pushpin: Peer = {
  name: 'pushpin',
  about: 'Pushpin, GRIP: each request held as a stream by its backend',
  doors: { sse: { ...door, publishPort: 'control' } },
  missing: () =>
    program() === undefined
      ? 'install it: apt-get install -y --no-install-recommends pushpin'
      : undefined,
  async start(core) {
    const found = program()
    if (found === undefined) throw new Error('pushpin is missing')
    const [port, control, backend] = [await freePort(), await freePort(), await freePort()]
    const folder = scratch('pushpin')
    mkdirSync(join(folder, 'run'))
    const config = join(folder, 'pushpin.conf')
    writeFileSync(
      config,
      `[global]\ninclude={libdir}/internal.conf\nrundir=${folder}/run\n[runner]\nhttp_port=127.0.0.1:${port}\nlogdir=${folder}\n[proxy]\nroutesfile=${folder}/routes\n[handler]\npush_in_http_addr=127.0.0.1\npush_in_http_port=${control}\n`,
    )
    writeFileSync(join(folder, 'routes'), `* 127.0.0.1:${backend}\n`)
    const held = createServer((request, response) => {
      const channel = (request.url ?? '').replace('/events/', '')
      response.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Grip-Hold': 'stream',
        'Grip-Channel': channel,
      })
      response.end()
    })
    await new Promise<void>((resolve) => {
      held.listen(backend, '127.0.0.1', resolve)
    })
    const running = await startServer({
      command: [found, '--config', config],
      core,
      cwd: folder,
      port,
      ports: { control },
      version: () => spawnSync(found, ['--version'], { encoding: 'utf8' }).stdout.trim(),
    })
    const stop = async (): Promise<void> => {
      held.close()
      held.closeAllConnections()
      await running.stop()
    }
    return { ...running, stop }
  },
}
