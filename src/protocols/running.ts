import type { TcpListener } from '../net/listener.ts'
import type { DoorContext, Leaver, Place, Running } from './door.ts'

/** What the connections of a door with a port of its own share. */
export interface DoorServer<C> {
  readonly listener: TcpListener
  /** As `Running.update`, for the door's own options. */
  update(config: C, context: DoorContext): (() => void) | undefined
  drain(): Promise<void>
  leavers?(): readonly Leaver[]
  close(): Promise<void>
}

/**
 * A door that is one server.
 * @param options the door's, or false where it is off
 */
export function runningServer<C>(
  server: DoorServer<C>,
  place: Place,
  options: (context: DoorContext) => C | false,
): Running {
  return {
    places: [place],
    get listener() {
      return server.listener
    },
    update(context) {
      const changed = options(context)
      return changed === false ? undefined : server.update(changed, context)
    },
    drain: () => server.drain(),
    leavers: () => server.leavers?.() ?? [],
    stop: () => server.close(),
  }
}
