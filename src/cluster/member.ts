import type { Report } from '../model/events.ts'
import type { ClusterSettings } from '../config/cluster.ts'
import { ClusterRedis } from './redis.ts'
import { managerOf, type NodeInfo, type Place, type Taken, type View, viewOf } from './view.ts'
import type { Reply } from '../stores/redis/link.ts'
import type { LinkState } from '../stores/state.ts'
import type { ScriptName } from './lua.ts'

/** ms that a node which starts waits for Redis. */
const START_WAIT = 10_000
/** ms in which several reasons for a beat are one. */
const SOON = 20

export interface MemberEvents {
  /** What this node says of itself with the next beat. */
  info(): NodeInfo
  /** A beat was answered. MUST NOT throw. */
  seen(view: View): void
  /**
   * The lease has run out by this node's own clock: it holds nothing any more. MUST NOT throw.
   * @param last how things were when they were last heard of
   */
  expired(last: View): void
  /** Another process has taken the name: this one is no part of the cluster any more. */
  displaced(reason: Error): void
  /** What some node said to all. MUST NOT throw. */
  heard(words: string): void
  report: Report
}

/** Why a node could not join. */
export class JoinError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'JoinError'
  }
}

/**
 * One life of a node in its cluster. It beats: each time it renews its lease, and hears who else is there and who
 * holds what. What it holds it may count upon only until its lease runs out by its own clock, which is before
 * it does by Redis's: a lease counts from when the beat was sent.
 */
export class Member {
  readonly settings: ClusterSettings
  readonly incarnation: string
  readonly #events: MemberEvents
  readonly #former: string
  readonly #redis: ClusterRedis
  #view: View | undefined
  /** ms of performance.now */
  #deadline = 0
  #heardAt = 0
  #expiry: NodeJS.Timeout | undefined
  #next: NodeJS.Timeout | undefined
  #beating = false
  #again = false
  #ended = false

  /** @param former a life of this node that is known to have ended: nobody needs to wait for its lease */
  constructor(settings: ClusterSettings, incarnation: string, events: MemberEvents, former = '') {
    this.#former = former
    this.settings = settings
    this.incarnation = incarnation
    this.#events = events
    this.#redis = new ClusterRedis(settings, incarnation, {
      up: () => {
        if (this.#view) this.beat()
      },
      heard: (words) => {
        if (words !== 'beat') events.heard(words)
        else if (this.#view) this.beat()
      },
      report: (text, event) => events.report(text, event),
    })
  }

  /**
   * Registers the node, and takes the places that it asks for and that are free.
   * @param patience ms to wait for Redis
   * @throws JoinError when Redis is not there, or another node has this name
   */
  async join(patience = START_WAIT): Promise<View> {
    const { node, lease, heartbeat } = this.settings
    try {
      await this.#reach(patience)
      const end = performance.now() + lease + 2 * heartbeat
      let seen: number | undefined
      for (;;) {
        const sent = performance.now()
        const answer = viewOf(await this.#send())
        if (answer === 'full')
          throw new JoinError('The cluster has as many nodes as it can remember.')
        if (!('taken' in answer)) {
          this.#renewed(sent, answer)
          this.#schedule(heartbeat)
          return answer
        }
        // One that was killed holds its name until its lease runs out; one that lives is heard of again.
        const { taken } = answer
        if ((seen !== undefined && taken.seen !== seen) || sent > end) {
          throw new JoinError(nameTaken(node, taken))
        }
        seen = taken.seen
        await pause(Math.min(heartbeat, lease / 3))
      }
    } catch (error) {
      this.#ended = true
      await this.#redis.close()
      throw error
    }
  }

  /** How the cluster was at the last beat. @throws Error before `join` */
  get view(): View {
    if (!this.#view) throw new Error('the node has not joined')
    return this.#view
  }

  /** ms since then. */
  get viewAge(): number {
    return performance.now() - this.#heardAt
  }

  get link(): LinkState {
    return this.#redis.state
  }

  /** Whether this node's lease runs. */
  get holds(): boolean {
    return performance.now() < this.#deadline
  }

  /** What this node holds now: nothing once its lease has run out. */
  get held(): readonly Place[] {
    if (!this.holds) return []
    return this.view.places.filter((place) => this.#isMine(place))
  }

  /** This node's holding of the manager's place, while it holds that. */
  get managing(): Place | undefined {
    if (!this.holds) return undefined
    const place = managerOf(this.view)
    return place && this.#isMine(place) ? place : undefined
  }

  /** Beats soon, and not only when it is time. */
  beat(): void {
    if (this.#ended) return
    if (this.#beating) this.#again = true
    else this.#schedule(SOON)
  }

  /** @throws FanfareError `store_unavailable` */
  async run(name: ScriptName, ...args: readonly string[]): Promise<Reply> {
    return await this.#redis.run(name, ...args)
  }

  /** Says something to all nodes, this one included. @throws FanfareError `store_unavailable` */
  async say(words: string): Promise<void> {
    await this.#redis.run('say', words)
  }

  /** Gives up everything at once, so that others need not wait for a lease to run out. */
  async leave(): Promise<void> {
    this.#end()
    if (this.#redis.up) {
      await this.#redis.run('leave').catch((error: unknown) => {
        this.#events.report(
          `This node could not say that it leaves: ${String(error)}`,
          'cluster.leave',
        )
      })
    }
    await this.#redis.close()
  }

  /** Says nothing to anybody, as if it were killed. */
  async vanish(): Promise<void> {
    this.#end()
    await this.#redis.close()
  }

  #end(): void {
    this.#ended = true
    this.#deadline = 0
    clearTimeout(this.#next)
    clearTimeout(this.#expiry)
  }

  async #reach(patience: number): Promise<void> {
    const end = performance.now() + patience
    await this.#redis.started
    while (!this.#redis.up) {
      if (performance.now() > end) throw new JoinError(this.#redis.unavailable().message)
      await pause(100)
    }
  }

  #isMine({ holder, incarnation }: Place): boolean {
    return holder === this.settings.node && incarnation === this.incarnation
  }

  #send(): Promise<Reply> {
    const { lease, roles = [], spareFor } = this.settings
    const info = JSON.stringify(this.#events.info())
    const lists = [roles.join(' '), spareFor.join(' ')]
    return this.#redis.run('beat', String(lease), info, ...lists, this.#former)
  }

  #schedule(wait: number): void {
    clearTimeout(this.#next)
    this.#next = setTimeout(() => void this.#beat(), wait)
  }

  async #beat(): Promise<void> {
    const sent = performance.now()
    this.#beating = true
    this.#again = false
    try {
      const answer = viewOf(await this.#send())
      if (this.#ended) return
      if (answer === 'full' || 'taken' in answer) {
        this.#end()
        const { node } = this.settings
        const words = answer === 'full' ? 'The cluster is full.' : nameTaken(node, answer.taken)
        this.#events.displaced(new JoinError(words))
        return
      }
      this.#renewed(sent, answer)
      // Answered too late to be counted upon; it is asked again at once.
      if (this.holds) this.#events.seen(answer)
      else this.#again = true
    } catch {
      // The link reports that Redis is away, and says when it is back.
    } finally {
      this.#beating = false
      const { heartbeat } = this.settings
      const due = sent + heartbeat - performance.now()
      if (!this.#ended) this.#schedule(this.#again ? SOON : Math.max(SOON, due))
    }
  }

  #renewed(sent: number, view: View): void {
    const { lease } = this.settings
    this.#view = view
    this.#heardAt = performance.now()
    this.#deadline = sent + lease
    clearTimeout(this.#expiry)
    const left = Math.max(0, this.#deadline - performance.now())
    this.#expiry = setTimeout(() => this.#events.expired(view), left)
  }
}

function nameTaken(node: string, { info, age, seen }: Taken): string {
  // One that has only just begun does not know its URL.
  const process = `process ${info.pid} on ${info.machine}`
  const where = info.url === '' ? process : `${info.url} (${process})`
  const since = `since ${Math.round(age / 1000)} s, last heard of at ${new Date(seen).toISOString()}`
  return (
    `Another node is called ${node}: ${where}, ${since}. ` +
    'Give this one another name (--node, or `cluster.node`), or stop that one.'
  )
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
