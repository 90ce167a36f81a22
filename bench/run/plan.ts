import { OURS } from '../peers/index.ts'
import type { Peer } from '../peers/peer.ts'
import type { Shape } from '../shapes/shape.ts'

/** One run to be made. */
export interface Planned {
  readonly shape: Shape
  readonly door: string
  readonly peer: Peer
  /** Counted from 1. */
  readonly round: number
}

/**
 * All runs, in order: peers alternate within each shape and door, and each round begins with another
 * one, so that whatever drifts on the machine drifts for everybody.
 */
export function plan(
  shapes: readonly Shape[],
  peers: readonly Peer[],
  roundsOf: (shape: Shape) => number,
): Planned[] {
  return shapes.flatMap((shape) =>
    shape.doors.flatMap((door) => {
      const able = peers.filter((peer) => peer.doors[door] !== undefined && fits(shape, peer))
      const times = roundsOf(shape)
      return Array.from({ length: times }, (_, i) => i).flatMap((i) =>
        rotate(able, i).map((peer) => ({ shape, door, peer, round: i + 1 })),
      )
    }),
  )
}

function fits(shape: Shape, peer: Peer): boolean {
  if (peer.onlyIn !== undefined && !peer.onlyIn.includes(shape.name)) return false
  return peer.name === OURS || shape.against === undefined || shape.against.includes(peer.name)
}

function rotate<T>(items: readonly T[], by: number): T[] {
  const at = items.length === 0 ? 0 : by % items.length
  return [...items.slice(at), ...items.slice(0, at)]
}
