import * as fc from 'fast-check'
import type { Connection } from '../rig.ts'

/** What any client of a world can be made to do. */
export interface Movable {
  slow: boolean
  readonly connection: Connection
  reconnect(): void
  /** Goes on, when it has something to go on with; true when it had. */
  goOn(): boolean
}

export type Move =
  | { kind: 'slow'; client: number; slow: boolean }
  | { kind: 'sent'; client: number; bytes: number }
  | { kind: 'reconnect'; client: number }
  | { kind: 'goOn'; client: number }

const client = fc.nat(7)
const kind = <K extends string>(one: K) => fc.constant(one)

/** @param reconnects how often a client comes back, beside the others */
export function moves(reconnects: number): fc.WeightedArbitrary<Move>[] {
  return [
    {
      weight: 2,
      arbitrary: fc.record({ kind: kind('slow'), client, slow: fc.boolean() }),
    },
    { weight: 4, arbitrary: fc.record({ kind: kind('sent'), client, bytes: fc.nat(250) }) },
    { weight: reconnects, arbitrary: fc.record({ kind: kind('reconnect'), client }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('goOn'), client }) },
  ]
}

export function move(mover: Movable, step: Move): void {
  switch (step.kind) {
    case 'slow':
      mover.slow = step.slow
      mover.connection.slow = step.slow
      break
    case 'sent':
      mover.connection.sent(step.bytes)
      break
    case 'reconnect':
      mover.reconnect()
      break
    case 'goOn':
      mover.goOn()
      break
    default:
      step satisfies never
  }
}

/** Lets all sockets drain and all clients go on; false when there was nothing left to do. */
export function stir(movers: readonly Movable[]): boolean {
  let stirred = false
  for (const mover of movers) {
    mover.slow = false
    mover.connection.slow = false
    if (mover.connection.unsent > 0) {
      mover.connection.sent()
      stirred = true
    }
    if (mover.goOn()) stirred = true
  }
  return stirred
}
