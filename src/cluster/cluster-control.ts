import { randomBytes } from 'node:crypto'
import { ConfigError } from '../config/index.ts'
import { FanfareError } from '../model/errors.ts'
import type {
  ClusterControl,
  ConfigVersion,
  Membership,
  NodeApplied,
  NodeStatus,
} from '../services/control.ts'
import { configDiff } from '../services/run/diff.ts'
import { Calls } from './calls.ts'
import type { Carrier } from './carrier.ts'
import {
  type ConfigSource,
  isMap,
  loadNode,
  overlaysOf,
  type WrittenConfig,
} from './configuration.ts'
import type { Follower } from './follower.ts'
import type { Member } from './member.ts'
import { managerOf, type NodeInfo, type NodeView, type Place } from './view.ts'

/** ms that a node may take to check a configuration. */
const CHECK_WAIT = 5_000
/** ms that the manager may take to have it checked and stored. */
const SET_WAIT = 15_000
/** ms that all nodes together may take to apply it. */
const APPLY_WAIT = 10_000
/** ms between looks at how far others are. */
const LOOK = 50
/** Bytes of a shared configuration: every node reads it, and Redis says it to all. */
const MAX_DOCUMENT = 2 ** 20

export interface SharedControlOptions {
  readonly member: Member
  readonly follower: Follower
  readonly source: ConfigSource
  readonly carrier: Carrier
  readonly report: (error: unknown) => void
}

/** What the manager's services do with all nodes, on whichever node they are called. */
export class SharedControl implements ClusterControl {
  readonly calls: Calls
  readonly #member: Member
  readonly #follower: Follower
  readonly #source: ConfigSource
  readonly #carrier: Carrier
  #turn: Promise<unknown> = Promise.resolve()

  constructor({ member, follower, source, carrier, report }: SharedControlOptions) {
    this.#member = member
    this.#follower = follower
    this.#source = source
    this.#carrier = carrier
    const me = `${member.settings.node} ${member.incarnation}`
    this.calls = new Calls(
      me,
      (words) => member.say(words),
      {
        check: async (id) => this.#check(member.settings.node, await this.#kept(id)),
        setConfig: async (argument) => {
          const { id, author } = argument as { id: unknown; author: string }
          return await this.#manage(await this.#kept(id), author)
        },
      },
      report,
    )
  }

  get membership(): Membership {
    const { holds, viewAge, settings, link } = this.#member
    return { held: holds, age: viewAge / 1000, lease: settings.lease / 1000, redis: link }
  }

  status(): Record<string, NodeStatus> {
    const { view, viewAge, holds, settings } = this.#member
    const now = view.now + viewAge
    const manager = managerOf(view)?.holder
    return Object.fromEntries(
      [...view.nodes.values()].map((node) => {
        // Of itself it knows better than from the last beat: when that is long ago, it is cut off.
        const up = node.name === settings.node ? holds : node.up
        return [node.name, statusOf({ ...node, up }, now, manager)]
      }),
    )
  }

  async setConfig(config: WrittenConfig, author: string): Promise<ConfigVersion> {
    const document = asDocument(config)
    if (this.#member.managing) return await this.#manage(document, author)
    const manager = await this.#manager()
    // It may just have become this node.
    if (this.#member.managing) return await this.#manage(document, author)
    const to = `${manager.holder} ${manager.incarnation}`
    const id = await this.#keep(document)
    const version = await this.calls.ask(to, 'setConfig', { id, author }, SET_WAIT)
    return version as ConfigVersion
  }

  async getConfig(node: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    if (!this.#member.view.nodes.has(node)) return undefined
    const shown = await this.#member.run('shown', node)
    return shown === null ? undefined : (JSON.parse(String(shown)) as Record<string, unknown>)
  }

  async distributeConfig(): Promise<Readonly<Record<string, NodeApplied>>> {
    const round = Number(await this.#member.run('distribute'))
    const end = performance.now() + APPLY_WAIT
    const up = (): NodeView[] => [...this.#member.view.nodes.values()].filter((node) => node.up)
    const open = (): boolean => up().some(({ info }) => info.url !== '' && info.round < round)
    this.#member.beat()
    while (open() && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, LOOK))
      this.#member.beat()
    }
    return Object.fromEntries(
      up().map(({ name, info: { configVersion, configError, round: answered } }) => {
        const late = answered < round ? `It did not answer within ${APPLY_WAIT / 1000} s.` : null
        return [name, { version: configVersion, error: configError ?? late }]
      }),
    )
  }

  async versions(limit: number): Promise<readonly ConfigVersion[]> {
    const reply = (await this.#member.run('versionList', String(limit))) as readonly Buffer[]
    const flat = reply.map(String)
    const versions: ConfigVersion[] = []
    for (let at = 0; at < flat.length; at += 2) {
      const text = flat[at + 1] as string
      const space = text.indexOf(' ')
      const { author, diff } = JSON.parse(text.slice(space + 1)) as ConfigVersion
      versions.push({
        version: Number(flat[at]),
        author,
        time: Number(text.slice(0, space)),
        diff,
      })
    }
    return versions
  }

  carries(service: string): boolean {
    return this.#carrier.roles.has(service)
  }

  elsewhere(service: string): string | undefined {
    for (const { name, up, info } of this.#member.view.nodes.values()) {
      if (!up || name === this.#member.settings.node) continue
      const { roles, hostname, port } = info
      // Where there is no management port, nothing can be called.
      if (!roles.includes(service) || !roles.includes('management') || port === 0) continue
      return `${schemeOf(info)}://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`
    }
    return undefined
  }

  /** @throws FanfareError `not_manager` when there is none for longer than it takes to become one */
  async #manager(): Promise<Place> {
    const { lease, heartbeat } = this.#member.settings
    const end = performance.now() + lease + 2 * heartbeat
    for (;;) {
      const place = managerOf(this.#member.view)
      if (place && this.#member.holds) return place
      if (performance.now() > end) {
        throw new FanfareError(
          'not_manager',
          'No node is manager at this moment.',
          'Try again in a few seconds. manager/status shows which nodes carry the role `manager`.',
        )
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK))
    }
  }

  /** Checks and stores a configuration; one after the other. */
  #manage(document: WrittenConfig, author: string): Promise<ConfigVersion> {
    const done = this.#turn.then(async () => {
      const place = this.#member.managing
      if (!place) throw deposed(managerOf(this.#member.view)?.holder)
      await this.#checkAll(document)
      const before = await this.#follower.newest()
      const diff = configDiff(before?.document ?? {}, document)
      return await this.put(place.token, before?.version ?? 0, { document, author, diff })
    })
    this.#turn = done.catch(() => {})
    return done
  }

  /**
   * Stores a version as the manager with this token.
   * @param former the version that it follows
   * @throws FanfareError `not_manager` when another one holds it meanwhile: Redis looks at the token
   */
  async put(
    token: number,
    former: number,
    { document, author, diff }: { document: WrittenConfig; author: string; diff: string[] },
  ): Promise<ConfigVersion> {
    const meta = JSON.stringify({ author, diff })
    const args = [String(token), String(former), meta, JSON.stringify(document)]
    const reply = (await this.#member.run('putConfig', ...args)) as readonly Buffer[]
    const [kind, version, time] = reply.map(String)
    if (kind === 'fenced') throw deposed(version === '' ? undefined : version)
    if (kind === 'conflict') {
      throw new FanfareError(
        'not_manager',
        `Version ${version} was stored meanwhile.`,
        'Try again.',
      )
    }
    this.#member.beat()
    return { version: Number(version), author, time: Number(time), diff }
  }

  /** @throws FanfareError `bad_config` with what is wrong, and on which nodes */
  async #checkAll(document: WrittenConfig): Promise<void> {
    const { settings, view } = this.#member
    const live = [...view.nodes.values()].filter(({ name, up }) => up && name !== settings.node)
    const absent = [...view.nodes.values()].filter(({ up }) => !up).map(({ name }) => name)
    const named = Object.keys(overlaysOf(document['nodes'])).filter((name) => !view.nodes.has(name))
    const here = [settings.node, ...absent, ...named].map((name): [string, string[]] => [
      name,
      this.#check(name, document),
    ])
    const id = live.length === 0 ? '' : await this.#keep(document)
    const there = live.map(async ({ name, incarnation }): Promise<[string, string[]]> => {
      try {
        const found = await this.calls.ask(`${name} ${incarnation}`, 'check', id, CHECK_WAIT)
        return [name, found as string[]]
      } catch (error) {
        if (error instanceof FanfareError && error.code === 'store_unavailable') return [name, []]
        throw error
      }
    })
    const found = new Map([...here, ...(await Promise.all(there))])
    const nodes = new Map<string, string[]>()
    for (const [name, mistakes] of found) {
      for (const mistake of mistakes) nodes.set(mistake, [...(nodes.get(mistake) ?? []), name])
    }
    if (nodes.size === 0) return
    const lines = [...nodes].map(([mistake, on]) =>
      on.length === found.size ? mistake : `on ${on.join(', ')}: ${mistake}`,
    )
    throw new FanfareError('bad_config', lines.join('\n'))
  }

  /** Puts a document where other nodes can fetch it: what is said is said to all. */
  async #keep(document: WrittenConfig): Promise<string> {
    const id = randomBytes(9).toString('base64url')
    await this.#member.run('keep', id, JSON.stringify(document))
    return id
  }

  async #kept(id: unknown): Promise<WrittenConfig> {
    const kept = await this.#member.run('kept', String(id))
    if (kept === null)
      throw new FanfareError('store_unavailable', 'The document is not kept any more.')
    return asDocument(JSON.parse(String(kept)))
  }

  /** What is wrong with it for this node, or for one that cannot be asked, as far as this one knows. */
  #check(node: string, document: WrittenConfig): string[] {
    try {
      loadNode(this.#source, node, { version: 0, document })
      return []
    } catch (error) {
      if (error instanceof ConfigError) return error.message.split('\n')
      if (error instanceof FanfareError) return [error.message]
      throw error
    }
  }
}

function deposed(holder: string | undefined): FanfareError {
  const who = holder === undefined ? 'no node is at this moment' : `${holder} is`
  return new FanfareError('not_manager', `This node is not the manager: ${who}.`, 'Ask again.')
}

function asDocument(config: unknown): WrittenConfig {
  if (!isMap(config)) throw new FanfareError('bad_config', 'A configuration is a map of keys.')
  if (Buffer.byteLength(JSON.stringify(config)) > MAX_DOCUMENT) {
    throw new FanfareError(
      'bad_config',
      `A shared configuration has at most ${MAX_DOCUMENT} bytes.`,
    )
  }
  return config
}

function schemeOf({ scheme = 'http' }: NodeInfo): 'http' | 'https' {
  return scheme
}

function statusOf(node: NodeView, now: number, manager: string | undefined): NodeStatus {
  const { info, up, seen, joined, name, spareFor } = node
  const seconds = (since: number): number => Math.max(0, Math.round((now - since) / 100) / 10)
  return {
    state: { up, downSince: up ? null : seen },
    config: { hostname: info.hostname, port: info.port, scheme: schemeOf(info) },
    url: info.url,
    roles: up ? info.roles : [],
    spareFor,
    isManager: up && name === manager,
    age: seconds(joined),
    silence: seconds(seen),
    load: info.load,
    version: info.version,
    configVersion: info.configVersion,
    configError: info.configError,
  }
}
