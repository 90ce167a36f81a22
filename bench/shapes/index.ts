import { avalanche } from './avalanche.ts'
import { fanout, pacedFanout } from './fanout.ts'
import { growthChannels, growthPaced, growthSubscribers } from './growth.ts'
import { idle } from './idle.ts'
import { jitter } from './jitter.ts'
import { large1024, large64 } from './large.ts'
import { longpoll100, longpoll1000 } from './longpoll.ts'
import { pipelined1, pipelined8, publish1, publish64, publish8, publishOnce } from './publish.ts'
import { replay } from './replay.ts'
import type { Shape } from './shape.ts'
import { slow } from './slow.ts'
import { soak } from './soak.ts'
import { storm } from './storm.ts'
import { subtree } from './subtree.ts'
import { wide } from './wide.ts'

/** In the order they run in. A new shape is a file and a line here. */
export const SHAPES: readonly Shape[] = [
  fanout,
  pacedFanout,
  wide,
  subtree,
  longpoll100,
  longpoll1000,
  publish1,
  publish8,
  publish64,
  publishOnce,
  pipelined1,
  pipelined8,
  storm,
  jitter,
  avalanche,
  idle,
  slow,
  large64,
  large1024,
  growthSubscribers,
  growthPaced,
  growthChannels,
  replay,
  soak,
]

export function shapeNamed(name: string): Shape {
  const shape = SHAPES.find((one) => one.name === name)
  if (shape === undefined) throw new Error(`no shape ${name}`)
  return shape
}
