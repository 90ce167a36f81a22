import { fanout, pacedFanout } from './fanout.ts'
import { idle } from './idle.ts'
import { publish1, publish8 } from './publish.ts'
import { replay } from './replay.ts'
import { longpoll100, longpoll1000 } from './longpoll.ts'
import type { Shape } from './shape.ts'
import { slow } from './slow.ts'
import { wide } from './wide.ts'

/** In the order they run in. A new shape is a file and a line here. */
export const SHAPES: readonly Shape[] = [
  fanout,
  pacedFanout,
  publish1,
  publish8,
  wide,
  longpoll100,
  longpoll1000,
  replay,
  idle,
  slow,
]

export function shapeNamed(name: string): Shape {
  const shape = SHAPES.find((one) => one.name === name)
  if (shape === undefined) throw new Error(`no shape ${name}`)
  return shape
}
