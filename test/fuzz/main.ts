/**
 * One target, given so many inputs: `scripts/fuzz.mjs` starts a process of this for each. Tells how far it has come on
 * descriptor 3, because whoever is caught in a loop cannot say so.
 */
import { writeSync } from 'node:fs'
import { fuzz, FuzzFailure } from './engine.ts'
import { DOORS } from './targets/doors.ts'
import { PARSERS } from './targets.ts'

const TARGETS = [...PARSERS, ...DOORS]
const [name = '', inputs = '0', seed = '1', from = '0'] = process.argv.slice(2)

if (name === '--list') {
  const list = TARGETS.map((target) => ({
    name: target.name,
    perThousand: target.perThousand ?? 1_000,
  }))
  process.stdout.write(JSON.stringify(list))
} else {
  const target = TARGETS.find((one) => one.name === name)
  if (!target) throw new Error(`there is no parser ${name}`)
  try {
    const outcome = await fuzz(target, {
      inputs: Number(inputs),
      seed: Number(seed),
      from: Number(from),
      progress: (at) => writeSync(3, `${at}\n`),
    })
    process.stdout.write(JSON.stringify({ ...outcome, reads: target.reads, holds: target.holds }))
    process.exit(0)
  } catch (error) {
    if (!(error instanceof FuzzFailure)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}
