/**
 * The hub's hot path alone: what a delivery costs before any socket.
 *
 *     npm run build && node dist/bench/hub/main.js [--sinks N] [--turns N]
 *
 * Says how many bytes of the heap and, where `perf` can count them, how many instructions each takes.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fanOutCost } from './fan-out.ts'

const { values } = parseArgs({
  options: {
    sinks: { type: 'string', default: '10000' },
    turns: { type: 'string', default: '1000' },
    /** Runs only, for whoever counts its instructions. */
    counted: { type: 'boolean', default: false },
  },
})
const sinks = Number(values.sinks)
const turns = Number(values.turns)

const cost = fanOutCost({ sinks, turns })
if (!values.counted) {
  console.log(`${cost.deliveries} deliveries, ${sinks} sinks, one message a turn`)
  console.log(
    `${cost.nanosPerDelivery.toFixed(1)} ns and ${cost.bytesPerDelivery.toFixed(2)} bytes each`,
  )
  const instructions = (count(turns * 2) - count(turns)) / cost.deliveries
  console.log(
    Number.isNaN(instructions)
      ? 'perf counts no instructions here'
      : `${instructions.toFixed(1)} instructions each`,
  )
}

/** Instructions of a process that runs so many turns, in user space; NaN where they are not counted. */
function count(ofTurns: number): number {
  const self = fileURLToPath(import.meta.url)
  const size = ['--sinks', String(sinks), '--turns', String(ofTurns), '--counted']
  const counting = ['stat', '-x,', '-e', 'instructions:u', process.execPath, self, ...size]
  const { stderr } = spawnSync('perf', counting, { encoding: 'utf8' })
  return Number(/^(\d+),[^,]*,instructions/m.exec(stderr ?? '')?.[1] ?? Number.NaN)
}
