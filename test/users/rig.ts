import { afterEach, onTestFinished, vi } from 'vitest'
import type { Hub } from '../../src/hub/hub.ts'
import { LogHub } from '../../src/hub/log-hub.ts'
import { type ChannelName, channelFromText } from '../../src/model/channel.ts'
import { ALL, cursorOf } from '../../src/hub/contract.ts'
import { Selectors } from '../../src/model/selector.ts'
import type { Message } from '../../src/model/message.ts'
import { MemoryFacts } from '../../src/stores/memory-facts.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { doorOf } from '../../src/config/types.ts'
import { loadConfig } from '../../src/config/index.ts'
import { configSchema } from '../../src/server/schema.ts'
import { usersKey } from '../../src/users/config.ts'
import type { Login } from '../../src/users/contract.ts'
import { userLog, Users } from '../../src/users/users.ts'
import { Told } from '../protocols/management/support.ts'

export { Told }

export interface Rig {
  readonly users: Users
  readonly hub: Hub
  readonly facts: MemoryFacts
  readonly errors: unknown[]
  /** Lets time pass, in ms of the fake clock. */
  readonly pass: (ms: number) => Promise<void>
  readonly connect: (user: string, id: string) => Promise<Login & { readonly told: Told }>
  /** Bodies of what is kept of a channel. */
  readonly bodies: (channel: ChannelName) => Promise<string[]>
  /** Bodies of what a user was sent. */
  readonly sent: (user: string) => Promise<string[]>
}

afterEach(() => {
  vi.useRealTimers()
})

/**
 * Users over a memory store, on a fake clock.
 * @param yaml of `users`, in YAML's short form, such as `maxUsers: 1`
 */
export function rig(yaml = ''): Rig {
  vi.useFakeTimers({ now: 1_800_000_000_000 })
  const { config } = loadConfig(configSchema(), {
    text: `users: { ${yaml} }\n`,
    file: 'test.yaml',
    env: {},
  })
  const errors: unknown[] = []
  const hub = new LogHub(new MemoryStore(), { soon: setImmediate })
  const facts = new MemoryFacts()
  const users = new Users({
    hub,
    facts,
    config: doorOf(config, 'users', usersKey),
    node: 'here',
    url: () => 'http://here:8080',
    onError: (error) => errors.push(error),
  })
  onTestFinished(() => users.stop())
  const bodies = async (channel: ChannelName): Promise<string[]> => {
    const { messages } = await hub.read({
      selectors: Selectors.channel(channel),
      after: cursorOf(ALL, hub.head),
      limit: 1000,
    })
    return messages.map(({ body }: Message) => body.toString())
  }
  return {
    users,
    hub,
    facts,
    errors,
    bodies,
    pass: async (ms) => {
      await vi.advanceTimersByTimeAsync(ms)
    },
    async connect(user, id) {
      const told = new Told(id)
      return Object.assign(await users.connect(user, told), { told })
    },
    sent: (user) => bodies(userLog(user)),
  }
}

/** A channel's name from text. */
export function named(text: string): ChannelName {
  const name = channelFromText(text)
  if (name === undefined) throw new Error(`no name of a channel: ${text}`)
  return name
}

/** A message as JSON. */
export function json(value: unknown): { body: Buffer; contentType: string } {
  return { body: Buffer.from(JSON.stringify(value)), contentType: 'application/json' }
}
