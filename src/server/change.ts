import type { ResolvedConfig } from '../config/types.ts'
import { doorOf } from '../config/types.ts'
import type { Running } from '../protocols/door.ts'
import { DOORS } from '../protocols/doors.ts'
import type { Applied } from '../services/control.ts'
import { usersKey } from '../users/config.ts'
import { Users } from '../users/users.ts'
import { ACCESS_KEYS, accessSettings } from './access-settings.ts'
import { Carried, type Renewal } from './carried.ts'
import { differences, isSameLocation, storeChange, withOptions } from './changes.ts'
import { type Held, Lent } from './lent.ts'
import { nodeAmong, type Parts, urlOf } from './parts.ts'
import { isFixed, isForeign, keysOf } from './reloads.ts'
import { Router } from './router.ts'
import { StartError } from './start-error.ts'
import { OpenStore } from './stores.ts'

type Door = (typeof DOORS)[number]

/** How often connections are looked at when there are no heartbeats, in ms. */
const REVOLUTION = 15_000

/**
 * The way from one configuration, and one set of roles, to another; the first one included. What can
 * fail is done in `stage`, beside what runs, and `undo` takes it back. `commit` puts it in place, and
 * cannot fail.
 */
export class Change {
  readonly #parts: Parts
  readonly #before: Held | undefined
  readonly #roles: ReadonlySet<string> | undefined
  readonly #park: boolean
  readonly #wanted: ResolvedConfig
  readonly #undo: (() => unknown)[] = []
  readonly #commit: (() => void)[] = []
  readonly #changed = new Set<string>()
  readonly #restarted = new Set<string>()
  readonly #later = new Set<string>()
  /** Names of stores that are others now, or gone. */
  readonly #replaced = new Set<string>()

  /** @param park doors that left keep their connections for now */
  constructor(
    parts: Parts,
    config: ResolvedConfig,
    roles: ReadonlySet<string> | undefined,
    park = false,
  ) {
    this.#parts = parts
    this.#before = parts.held
    this.#wanted = config
    this.#roles = roles
    this.#park = park
  }

  /** @throws StartError with what failed; `undo` is to be called then */
  async stage(): Promise<void> {
    const parts = this.#parts
    this.#compare()
    const config = this.#effective()
    this.#stageAccess(config)
    const stores = this.#stageStores(config)
    const users = this.#stageUsers(config, stores)
    const held: Held = { config, stores, users }
    const context = new Lent(parts.shared, held)
    const plans = DOORS.filter(({ name }) => this.#roles?.has(name) ?? true).map((door) =>
      this.#plan(door, context.of(door.name), users !== this.#before?.users),
    )
    const carried = plans.map((plan) => plan.carried)
    await this.#stagePort(config, () => {
      // Requests may come before the last door has begun.
      parts.router = new Router(config.locations, carried, parts)
    })
    for (const plan of plans) await this.#stageDoor(plan)
    this.#stageEnds(new Set(carried.map(({ door }) => door.name)))
    this.#commit.unshift(() => {
      parts.held = held
      parts.roles = this.#roles
      parts.carried = new Map(carried.map((one) => [one.door.name, one]))
      parts.router = new Router(config.locations, carried, parts)
      context.settle()
    })
  }

  /** Leaves nothing of it behind. */
  async undo(): Promise<void> {
    for (const step of this.#undo.toReversed()) {
      try {
        await step()
      } catch (error) {
        this.#parts.shared.onError(error)
      }
    }
  }

  commit(): Applied {
    for (const step of this.#commit) {
      try {
        step()
      } catch (error) {
        this.#parts.shared.onError(error)
      }
    }
    return {
      changed: [...this.#changed],
      restarted: [...this.#restarted],
      later: [...this.#later],
    }
  }

  // --- what differs ---

  #compare(): void {
    const before = this.#before?.config
    if (!before) return
    const { limits, doors, locations, trustedPeers, trustedProxies, tls } = this.#wanted
    const pairs: [unknown, unknown, string][] = [
      [before.limits, limits, 'limits'],
      [before.doors, doors, ''],
      [before.trustedPeers, trustedPeers, 'trustedPeers'],
      [before.trustedProxies, trustedProxies, 'trustedProxies'],
      [before.tls, tls, 'tls'],
      [before.proxyProtocol, this.#wanted.proxyProtocol, 'proxyProtocol'],
    ]
    for (const [was, is, path] of pairs) {
      for (const key of differences(was, is, path)) this.#changed.add(key)
    }
    const same =
      before.locations.length === locations.length &&
      locations.every((location, at) => isSameLocation(location, before.locations[at] ?? location))
    if (!same) this.#changed.add('locations')
  }

  #differs(...keys: string[]): boolean {
    return keys.some((key) =>
      [...this.#changed].some((path) => path === key || path.startsWith(`${key}.`)),
    )
  }

  /** What is wanted, but for what only a start can change. */
  #effective(): ResolvedConfig {
    const { limits } = this.#parts
    const wanted = this.#wanted
    const before = this.#before?.config
    if (!before) return { ...wanted, limits }
    const doors: Record<string, unknown> = { ...wanted.doors }
    for (const path of this.#changed) {
      const [key = ''] = path.split('.')
      const foreign = Object.hasOwn(doors, key) && isForeign(key)
      if (!isFixed(path) && !foreign) continue
      if (foreign) doors[key] = before.doors[key]
      this.#changed.delete(path)
      this.#later.add(path)
    }
    const taken = { ...wanted.limits, maxHeaderBytes: limits.maxHeaderBytes }
    this.#commit.push(() => {
      const { http, shared } = this.#parts
      Object.assign(limits, taken)
      shared.wheel.interval = limits.heartbeat || REVOLUTION
      http.update()
    })
    return { ...wanted, doors, limits }
  }

  // --- access, stores and users ---

  #stageAccess(config: ResolvedConfig): void {
    const { access } = this.#parts.shared
    if (!this.#before) {
      this.#commit.push(() => access.watchKeys())
      return
    }
    if (!this.#differs(...ACCESS_KEYS)) return
    try {
      this.#commit.push(access.prepare(accessSettings(config)))
    } catch (error) {
      throw StartError.from(error, { part: 'access' })
    }
  }

  #stageStores(config: ResolvedConfig): Map<string, OpenStore> {
    const { shared, retired } = this.#parts
    const { traffic, clock, onError } = shared
    const before = this.#before?.stores ?? new Map<string, OpenStore>()
    const stores = new Map<string, OpenStore>()
    for (const [name, wanted] of Object.entries(config.stores)) {
      const known = before.get(name)
      const change = known && storeChange(known.config, wanted)
      if (known && change && !change.replaced) {
        stores.set(name, known)
        this.#adjust(known, change.kept, change.later)
        continue
      }
      const surroundings = { limits: this.#wanted.limits, clock, traffic, onError }
      const store = new OpenStore(name, wanted, surroundings)
      this.#undo.push(() => store.close())
      stores.set(name, store)
      if (known) this.#restarted.add(`store.${name}`)
      else if (this.#before) this.#changed.add(`store.${name}`)
    }
    for (const [name, store] of before) {
      if (stores.get(name) === store) continue
      this.#replaced.add(name)
      if (!stores.has(name)) this.#changed.add(`store.${name}`)
      this.#commit.push(() => retired.add(store))
    }
    return stores
  }

  #adjust(store: OpenStore, kept: readonly string[], later: readonly string[]): void {
    const { name } = store
    const wanted = this.#wanted.stores[name]
    if (!wanted) return
    for (const key of later) this.#later.add(`store.${name}.${key}`)
    for (const key of kept) this.#changed.add(`store.${name}.${key}`)
    if (kept.length === 0 && !this.#differs('limits')) return
    const config = withOptions(store.config, wanted, kept)
    this.#commit.push(() => store.update(config, this.#parts.limits))
  }

  #stageUsers(config: ResolvedConfig, stores: ReadonlyMap<string, OpenStore>): Users {
    const parts = this.#parts
    const before = this.#before
    const usersConfig = doorOf(config, 'users', usersKey)
    const store = stores.get(usersConfig.store)
    if (!store) throw new Error(`no store is named ${usersConfig.store}`)
    if (before && before.users.hub === store.hub) {
      if (this.#differs('users')) this.#commit.push(() => before.users.update(usersConfig))
      return before.users
    }
    const users = new Users({
      hub: store.hub,
      facts: store.facts,
      config: usersConfig,
      node: nodeAmong(parts, store.config, config.port),
      incarnation: parts.incarnation,
      url: () => urlOf(parts),
      onError: parts.shared.onError,
    })
    this.#undo.push(() => users.stop())
    this.#commit.push(() => users.start())
    if (before) {
      this.#restarted.add('users')
      this.#commit.push(() => before.users.stop())
    }
    return users
  }

  // --- the main port ---

  async #stagePort({ address, port, ...config }: ResolvedConfig, ready: () => void): Promise<void> {
    const parts = this.#parts
    const { http } = parts
    const before = this.#before?.config
    try {
      if (!before) {
        ready()
        this.#undo.push(() => http.close())
        http.prepareEntrance(config)()
        parts.address = await http.listen(port, address, undefined, 'http')
        return
      }
      if (this.#differs('tls', 'proxyProtocol')) this.#commit.push(http.prepareEntrance(config))
      if (before.address === address && before.port === port) return
      const moved = await http.move(port, address)
      this.#undo.push(() => moved.undo())
      this.#restarted.add('port')
      this.#commit.push(() => {
        parts.address = moved.address
        moved.commit()
      })
    } catch (error) {
      throw StartError.from(error)
    }
  }

  // --- doors ---

  #plan(door: Door, context: Lent, otherUsers: boolean): Plan {
    const former = this.#parts.carried.get(door.name)
    if (!former) {
      return { carried: Carried.begin(door, context), former, running: 'restart', ends: 'drain' }
    }
    const otherStore = this.#usesReplaced(door)
    const otherOwn = this.#differs(...keysOf(door))
    const gone = otherStore || (otherUsers && door.usesUsers === true)
    const touched = otherOwn || this.#differs('limits', 'users', 'tls') || this.#addressChanged
    const running = gone ? 'restart' : touched ? 'update' : 'keep'
    const renewal: Renewal = {
      stores: this.#replaced,
      routes: otherStore || otherOwn || this.#differs('limits'),
    }
    const carried = former.renewed(context, renewal)
    return { carried, former, running, ends: gone ? 'stop' : 'drain' }
  }

  get #addressChanged(): boolean {
    return this.#before?.config.address !== this.#wanted.address
  }

  #usesReplaced(door: Door): boolean {
    return [this.#before?.config, this.#wanted].some((config) =>
      keysOf(door).some((key) => this.#replaced.has(storeOf(config?.doors[key]))),
    )
  }

  async #stageDoor({ carried, former, running, ends }: Plan): Promise<void> {
    const { door } = carried
    if (running === 'keep') return
    if (running === 'update') {
      const update = carried.update()
      if (update) {
        this.#commit.push(update)
        return
      }
      // What is off and has no key of its own that changed has nothing to begin either.
      if (!this.#differs(...keysOf(door)) && !this.#addressChanged) return
    }
    const old = former?.running
    await carried.start(old)
    const begun = carried.running
    if (begun) this.#undo.push(() => begun.stop())
    // The new limits held not yet when it was begun.
    if (begun && this.#before && this.#differs('limits')) {
      this.#commit.push(() => begun.update?.(carried.context)?.())
    }
    if (!old) return
    this.#commit.push(() => this.#end(old, ends))
    if (begun) {
      this.#restarted.add(door.name)
      for (const key of keysOf(door)) {
        for (const path of this.#changed) {
          if (path === key || path.startsWith(`${key}.`)) this.#changed.delete(path)
        }
      }
    }
  }

  #end(running: Running, how: Plan['ends']): void {
    const { draining } = this.#parts
    if (how === 'drain') draining.add(running)
    else draining.end(running)
  }

  /** Doors that this node does not carry any more. */
  #stageEnds(names: ReadonlySet<string>): void {
    const { carried, parked, shared } = this.#parts
    const end = (name: string, { running }: Carried): void => {
      parked.delete(name)
      if (running) this.#end(running, 'stop')
    }
    for (const [name, former] of parked) {
      if (names.has(name)) this.#commit.push(() => parked.delete(name))
      else if (!this.#park) {
        this.#commit.push(() => {
          end(name, former)
          former.leave(shared)
        })
      }
    }
    for (const [name, former] of carried) {
      if (names.has(name)) continue
      this.#commit.push(() => {
        if (this.#park) {
          parked.set(name, former)
          if (former.running) this.#end(former.running, 'drain')
          return
        }
        end(name, former)
        former.leave(shared)
      })
    }
  }
}

interface Plan {
  readonly carried: Carried
  readonly former: Carried | undefined
  readonly running: 'keep' | 'update' | 'restart'
  /** What becomes of the connections of what it had begun, when it is begun anew. */
  readonly ends: 'drain' | 'stop'
}

/** The name of the store that a door's options name. */
function storeOf(options: unknown): string {
  const store = (options as { store?: unknown } | false | undefined) || {}
  return typeof store === 'object' && typeof store.store === 'string' ? store.store : ''
}
