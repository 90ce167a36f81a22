import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mqttDoor } from '../doors/mqtt.ts'
import { freePort } from '../run/launch.ts'
import { scratch } from '../run/paths.ts'
import type { Peer } from './peer.ts'
import { startServer } from './server.ts'

const PROGRAM = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/usr/bin/mosquitto']

function program(): string | undefined {
  return PROGRAM.find((path) => existsSync(path))
}

/** Nothing is dropped, as nothing is to be lost; nothing is kept on disk; nobody has to log in. */
const CONFIG = `
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
log_type error
`

/** MQTT at QoS 0, in its own protocol beside our redis door. */
export const mosquitto: Peer = {
  name: 'mosquitto',
  about: 'mosquitto, MQTT at QoS 0 in its own protocol',
  doors: { redis: mqttDoor() },
  missing: () =>
    program() === undefined
      ? 'install it: apt-get install -y --no-install-recommends mosquitto'
      : undefined,
  async start(core) {
    const found = program()
    if (found === undefined) throw new Error('mosquitto is missing')
    const port = await freePort()
    const folder = scratch('mosquitto')
    const config = join(folder, 'mosquitto.conf')
    writeFileSync(config, `listener ${port} 127.0.0.1\n${CONFIG}`)
    return startServer({
      command: [found, '-c', config],
      core,
      cwd: folder,
      port,
      version: () => spawnSync(found, ['-h'], { encoding: 'utf8' }).stdout.split('\n', 1)[0] ?? '',
    })
  },
}
