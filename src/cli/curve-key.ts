import { resolve } from 'node:path'
import { doorOf } from '../config/types.ts'
import { sparkleshareKey } from '../protocols/sparkleshare/config.ts'
import { CurveKeyError, curveKeyOf } from '../protocols/sparkleshare/zeromq/curve.ts'
import type { KeyFlags } from './flags.ts'
import { configFrom, told } from './key.ts'
import { UsageError } from './target.ts'

/** Shows the server's public key of CURVE, and makes one if there is none. @returns the exit code */
export function showCurveKey(flags: KeyFlags): number {
  return told(() => {
    const { file = fileOf(flags) } = flags
    try {
      const key = curveKeyOf(resolve(file))
      console.log(
        flags.json ? JSON.stringify({ public: key.public, file: resolve(file) }) : key.public,
      )
    } catch (error) {
      throw error instanceof CurveKeyError ? new UsageError(error.message) : error
    }
  })
}

function fileOf(flags: KeyFlags): string {
  const door = doorOf(configFrom(flags), 'sparkleshare', sparkleshareKey)
  if (door === false || door.zeromq === false) {
    throw new UsageError(
      'the configuration has switched ZeroMQ off: --file says which file is meant',
    )
  }
  return door.zeromq.curveKey
}
