import type { OnError, Report } from '../model/events.ts'
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { type ClusterSettings, clusterOf } from '../config/cluster.ts'
import type { Loaded } from '../config/index.ts'
import type { ResolvedConfig } from '../config/types.ts'
import { version } from '../config/version.ts'
import { urlHost } from '../net/listener.ts'
import { ROLES } from '../server/roles.ts'
import { FanfareServer } from '../server/server.ts'
import type { Applied, Control } from '../services/control.ts'
import { Carrier } from './carrier.ts'
import { SharedControl } from './cluster-control.ts'
import { type ConfigSource, loadNode } from './configuration.ts'
import { Follower } from './follower.ts'
import { LoadMeter } from './load.ts'
import { Member } from './member.ts'
import { Reaper } from './reaper.ts'
import type { NodeInfo, View } from './view.ts'

export interface NodeOptions {
  readonly source: ConfigSource
  /** Behind the node's name, for one of several processes that are one node in its file. */
  readonly suffix?: string
  /** A former life of this node that is known to have ended. */
  readonly former?: string | undefined
  /** Hears what happens in the cluster, as far as people should know of it. */
  readonly report: Report
  /** Hears of what went wrong while no client was waiting for an answer. */
  readonly onError: OnError
}

/** A server that is one of several: what it carries and how it is configured, it agrees with the others. */
export class ClusterNode {
  readonly server: FanfareServer
  readonly cluster: SharedControl
  readonly loaded: Loaded
  /** Resolves with the reason when another process takes this node's name: there is nothing left to do then. */
  readonly displaced: Promise<Error>
  readonly #member: Member
  readonly #follower: Follower
  readonly #carrier: Carrier
  readonly #reaper: Reaper
  #left = false

  private constructor(
    server: FanfareServer,
    loaded: Loaded,
    parts: LifeParts & { readonly member: Member },
    displaced: Promise<Error>,
  ) {
    this.server = server
    this.loaded = loaded
    this.cluster = parts.cluster
    this.displaced = displaced
    this.#member = parts.member
    this.#follower = parts.follower
    this.#carrier = parts.carrier
    this.#reaper = parts.reaper
  }

  /**
   * Joins the cluster, and starts what this node holds there.
   * @throws ConfigError when its own file is bad, or says nothing of a cluster
   * @throws JoinError when Redis is not there, or the name is taken
   * @throws StartError
   */
  static async start(options: NodeOptions): Promise<ClusterNode> {
    const { source, report, onError } = options
    const own = loadNode(source, '')
    const settings = settingsOf(own.config, options.suffix)
    const incarnation = randomBytes(9).toString('base64url')
    const life = new Life(settings, incarnation, options)
    const { member } = life
    const first = await member.join()
    let server: FanfareServer | undefined
    try {
      const follower = new Follower({
        member,
        source,
        apply: (config) => serverOf(server).apply(config),
        report,
      })
      const roles = rolesOf(member)
      const carrier = new Carrier(roles, {
        node: settings.node,
        carry: (wanted, park) => serverOf(server).carry(wanted, park),
        changed: () => member.beat(),
        report,
      })
      const cluster = new SharedControl({ member, follower, source, carrier, report: onError })
      const control: Control = {
        node: settings.node,
        reload: () => follower.reload(),
        setConfig: (config) => follower.setConfig(config),
        cluster,
      }
      const loaded = await follower.begin(first)
      server = await FanfareServer.start(loaded.config, {
        node: settings.node,
        incarnation,
        roles,
        control,
        onError,
        url: (address, scheme) => settings.url ?? reachable(address, scheme),
      })
      const reaper = new Reaper({
        reap: (node, gone) => serverOf(server).users.reap(node, gone),
        restate: () => serverOf(server).users.restate(),
        reaped: (node, gone) => member.run('reaped', node, gone),
        incarnation,
        report: onError,
      })
      const parts = { follower, carrier, cluster, reaper }
      life.begin(server, parts)
      return new ClusterNode(server, loaded, { ...parts, member }, life.displaced)
    } catch (error) {
      await server?.stop()
      await member.leave()
      throw error
    }
  }

  get node(): string {
    return this.#member.settings.node
  }

  get settings(): ClusterSettings {
    return this.#member.settings
  }

  /** What this node carries at this moment. */
  get roles(): ReadonlySet<string> {
    return this.#carrier.roles
  }

  /** How the cluster was at the last beat. */
  get view(): View {
    return this.#member.view
  }

  /** Whether its lease runs, by its own clock. */
  get holds(): boolean {
    return this.#member.holds
  }

  /** Whether this node is the manager, by its own clock. */
  get isManager(): boolean {
    return this.#member.managing !== undefined
  }

  /** The token with which it would store a configuration. */
  get managing(): number | undefined {
    return this.#member.managing?.token
  }

  reload(): Promise<Applied> {
    return this.#follower.reload()
  }

  /** Leaves the cluster, so that others take over at once, and sends its clients there. */
  async drain(): Promise<void> {
    await this.#leave()
    await this.server.drain()
  }

  /** Leaves the cluster, and stops the server. */
  async stop(): Promise<void> {
    await this.#leave()
    await this.server.stop()
  }

  async #leave(): Promise<void> {
    if (this.#left) return
    this.#left = true
    this.#reaper.end()
    await this.#member.leave()
  }
}

interface LifeParts {
  readonly follower: Follower
  readonly carrier: Carrier
  readonly cluster: SharedControl
  readonly reaper: Reaper
}

/** A member of the cluster, and whoever has to hear what it is told, once there is a server. */
class Life {
  readonly member: Member
  readonly displaced: Promise<Error>
  readonly #meter: LoadMeter
  #displace: (reason: Error) => void = () => {}
  readonly #report: Report
  #cutOff = false
  #server: FanfareServer | undefined
  #parts: LifeParts | undefined

  constructor(settings: ClusterSettings, incarnation: string, { report, former }: NodeOptions) {
    this.#report = report
    this.#meter = new LoadMeter(() => this.#server?.traffic)
    this.displaced = new Promise((resolve) => (this.#displace = resolve))
    const events = {
      info: (): NodeInfo => this.#info(),
      seen: (view: View): void => this.#seen(view),
      expired: (last: View): void => {
        this.#cutOff = true
        report(
          'This node is cut off from its cluster: it holds nothing any more.',
          'cluster.cut_off',
        )
        this.#parts?.carrier.lost(last)
      },
      displaced: (reason: Error): void => this.#displace(reason),
      heard: (words: string): void => this.#parts?.cluster.calls.heard(words),
      report,
    }
    this.member = new Member(settings, incarnation, events, former)
  }

  begin(server: FanfareServer, parts: LifeParts): void {
    this.#server = server
    this.#parts = parts
    this.#seen(this.member.view)
    this.member.beat()
  }

  #seen(view: View): void {
    const parts = this.#parts
    if (!parts) return
    if (view.lapsed && this.#cutOff)
      this.#report('This node is back in its cluster.', 'cluster.back')
    this.#cutOff = false
    parts.carrier.holds(rolesOf(this.member))
    parts.reaper.seen(view)
    parts.follower.seen(view)
  }

  #info(): NodeInfo {
    const { follower, carrier } = this.#parts ?? {}
    const server = this.#server
    return {
      url: server?.url ?? '',
      ...managementOf(server, this.member.settings.managementHost),
      roles: [...(carrier?.roles ?? [])],
      load: this.#meter.look(),
      version: version(),
      configVersion: follower?.version ?? 0,
      configError: follower?.error ?? null,
      round: follower?.round ?? 0,
      pid: process.pid,
      machine: hostname(),
    }
  }
}

/** Roles of the places that a node holds. */
function rolesOf(member: Member): ReadonlySet<string> {
  return new Set(member.held.flatMap(({ role }) => (role === '' ? [] : [role])))
}

/** @throws TypeError when the configuration says nothing of a cluster */
function settingsOf(config: ResolvedConfig, suffix = ''): ClusterSettings {
  const settings = clusterOf(config)
  if (!settings) throw new TypeError('this configuration is of a node that stands alone')
  return { ...settings, node: `${settings.node}${suffix}`, roles: settings.roles ?? ROLES }
}

function serverOf(server: FanfareServer | undefined): FanfareServer {
  if (!server) throw new TypeError('the server is only starting')
  return server
}

/** Where a port that is open to other machines is found by them. */
function reachable(address: AddressInfo, scheme: string): string {
  const host = isAny(address.address) ? hostname() : urlHost(address)
  return `${scheme}://${host}:${address.port}`
}

function isAny(address: string): boolean {
  return address === '' || address === '0.0.0.0' || address === '::'
}

/**
 * Where the services of a server are called; port 0: nowhere.
 * @param host the name that its configuration gives it, if any
 */
function managementOf(
  server: FanfareServer | undefined,
  host: string | undefined,
): Pick<NodeInfo, 'hostname' | 'port' | 'scheme'> {
  const place = server?.places.find(({ what }) => what === 'management')
  if (!place || !URL.canParse(place.where)) return { hostname: '', port: 0 }
  const url = new URL(place.where)
  const scheme = url.protocol === 'https:' ? 'https' : 'http'
  const any = place.address !== undefined && isAny(place.address)
  const own = any || url.hostname === 'localhost' ? hostname() : url.hostname
  return {
    hostname: (host ?? own).replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || (scheme === 'https' ? 443 : 80)),
    scheme,
  }
}
