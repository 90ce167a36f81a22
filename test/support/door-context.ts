import { Access } from '../../src/access/access.ts'
import { loadConfig } from '../../src/config/index.ts'
import { doorOf } from '../../src/config/types.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { RecentErrors } from '../../src/hub/recent-errors.ts'
import { TrafficTable } from '../../src/hub/traffic.ts'
import { Clock } from '../../src/model/clock.ts'
import { Entrances } from '../../src/net/entrance.ts'
import { Wheel } from '../../src/net/wheel.ts'
import type { DoorContext } from '../../src/protocols/door.ts'
import { accessSettings } from '../../src/server/access-settings.ts'
import { configSchema } from '../../src/server/schema.ts'
import { StandAlone } from '../../src/server/stand-alone.ts'
import { MemoryFacts } from '../../src/stores/memory-facts.ts'
import { usersKey } from '../../src/users/config.ts'
import { Users } from '../../src/users/users.ts'

function onError(error: unknown): never {
  throw error
}

/**
 * What a server would lend to its doors, for a door without a server around it.
 * @param yaml its configuration
 */
export function doorContext(hub: Hub, yaml = ''): DoorContext {
  const { config } = loadConfig(configSchema(), {
    env: {},
    flags: {},
    text: yaml,
    file: 'test.yaml',
  })
  return {
    config,
    access: new Access(accessSettings({ ...config, trustedPeers: ['127.0.0.1'] }), onError),
    entrances: new Entrances(
      config.limits,
      { isTrusted: () => true, isProxy: () => false },
      onError,
    ),
    wheel: new Wheel(1000),
    clock: new Clock(),
    users: new Users({
      hub,
      facts: new MemoryFacts(),
      config: doorOf(config, 'users', usersKey),
      node: 'test',
      url: () => 'http://127.0.0.1',
      onError,
    }),
    traffic: new TrafficTable(),
    errors: new RecentErrors(),
    health: { problems: () => [] },
    draining: false,
    control: new StandAlone({
      node: 'test',
      apply: () => Promise.reject(new Error('there is no server around this door')),
      reload: undefined,
    }),
    hub: () => hub,
    onError,
  }
}
