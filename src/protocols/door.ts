import type { Access } from '../access/access.ts'
import type { ConfigFragment } from '../config/schema.ts'
import type { LocationConfig, ResolvedConfig } from '../config/types.ts'
import type { Exchange, Upgrade } from '../http/exchange.ts'
import type { Mount } from '../http/mount.ts'
import type { Hub } from '../hub/hub.ts'
import type { RecentErrors } from '../hub/recent-errors.ts'
import type { TrafficTable } from '../hub/traffic.ts'
import type { About } from '../model/events.ts'
import type { Clock } from '../model/clock.ts'
import type { MaybePromise } from '../model/maybe.ts'
import type { Entrances } from '../net/entrance.ts'
import type { Health } from '../metrics/health.ts'
import type { TcpListener } from '../net/listener.ts'
import type { Wheel } from '../net/wheel.ts'
import type { Control } from '../services/control.ts'
import type { Users } from '../users/users.ts'

/** What the server lends to its doors. */
export interface DoorContext {
  readonly config: ResolvedConfig
  /** Who asks, and what that one may do. */
  readonly access: Access
  /** What the connections of all ports pass before they are a door's. */
  readonly entrances: Entrances
  /** Heartbeats and idle times of all connections. */
  readonly wheel: Wheel
  /** Times that are told to clients are read from here, never ahead of what messages are stamped with. */
  readonly clock: Clock
  /** Who may log in, and who has. */
  readonly users: Users
  /** Where it is counted what goes through each door. */
  readonly traffic: TrafficTable
  /** What went wrong of late, the newest last. */
  readonly errors: RecentErrors
  /** Whether all is there that should be. */
  readonly health: Health
  /** The server is going: it takes nothing more, and sends its clients elsewhere. */
  readonly draining: boolean
  /** This node as the management services see it, and the others. */
  readonly control: Control
  /** The hub of a named store. */
  hub(store: string): Hub
  /** What went wrong while no client was waiting for an answer. */
  onError(error: unknown, about?: About): void
}

/**
 * A protocol. Each is one folder with one of these in its index, and one line in `doors.ts`.
 * A door MUST NOT import another door.
 */
export interface Door {
  readonly name: string
  /** What it adds to the configuration. */
  readonly config?: ConfigFragment
  /** What it begins keeps hold of `users`: it is begun anew with them. */
  readonly usesUsers?: boolean
  /**
   * For doors on the main port: serves a location, or leaves it (undefined). Several doors may serve
   * one location; each request goes to the first, in the order of `doors.ts`, that takes it.
   */
  location?(location: LocationConfig, context: DoorContext): LocationHandler | undefined
  /**
   * Paths of the main port that are this door's own. They come after all locations; the fragment
   * names them in `fixedPaths`, so that a location which takes one of them is warned of.
   */
  routes?(context: DoorContext): readonly Route[]
  /**
   * Paths of the main port that a library answers by itself. They come after all locations, as routes
   * do.
   */
  mount?(context: DoorContext): Mount | undefined
  /**
   * Begins what needs no location: listens on a port of its own, watches a folder. Undefined when the
   * configuration has switched it off.
   * @param former runs until this one is taken for good: what listens at the same place takes over from it
   */
  start?(context: DoorContext, former?: Running): MaybePromise<Running | undefined>
}

export interface Route {
  /** The whole path, as sent. */
  readonly path: string
  /** Only a part of what another path shows. */
  readonly unlisted?: boolean
  /** Answers a request, or leaves it (false). */
  handle(exchange: Exchange): boolean
  /** One line for people to try, for the list at start. */
  example?(base: string): string | undefined
}

/** What a door has begun. */
export interface Running {
  /** For the list at start. */
  readonly places: readonly Place[]
  /** What it listens with, for one that takes over from it. */
  readonly listener?: TcpListener
  /**
   * Looks whether it can go on under another configuration, with nothing closed.
   * @returns what makes it so, and cannot fail; undefined when the door has to be begun anew
   * @throws Error when it would not start with that either
   */
  update?(context: DoorContext): (() => void) | undefined
  /**
   * Takes no more connections, and lets those it has go on. Not there: it has none, and is stopped.
   * @returns once the last has closed, and nothing is left open
   */
  drain?(): Promise<void>
  /** Connections that are not on the wheel that the server lends: each is to leave when the server goes. */
  leavers?(): readonly Leaver[]
  /** It goes on until everything else has gone: whoever looks after the server asks it how that goes. */
  readonly staysToTheEnd?: boolean
  /** Ends it: nothing is left open. */
  stop(): MaybePromise<void>
}

/** A connection that can be sent elsewhere; see `WheelItem.leave`. */
export interface Leaver {
  leave?(): void
}

/** Where a door is found, and a line to try. */
export interface Place {
  readonly what: string
  readonly where: string
  readonly example?: string
  /** The address that it listens on, for a warning where that can be reached from elsewhere. */
  readonly address?: string
}

export interface LocationHandler {
  /**
   * Answers a request, or leaves it (false) to the next door.
   * @param id the rest of the path behind the prefix, or the url's capture: as sent, percent-encoded
   */
  handle?(exchange: Exchange, id: string): boolean
  upgrade?(upgrade: Upgrade, id: string): boolean
  /** One line for people to try, such as a curl command, for the list at start. */
  example?(base: string): string | undefined
}
