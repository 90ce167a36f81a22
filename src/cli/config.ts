import type { Format } from './flags.ts'
import { ConfigError, formatProblems, jsonSchema, loadConfig } from '../config/index.ts'
import { configSchema } from '../server/schema.ts'

/** @returns the exit code: 0 when the file can be used */
export function checkConfig(file: string, format: Format | undefined): number {
  const schema = configSchema()
  try {
    const { config, warnings } = loadConfig(schema, { file, format, env: {} })
    if (warnings.length > 0) console.error(formatProblems(warnings, { color: colors() }))
    const stores = Object.keys(config.stores).length
    console.log(
      `${file}: fine. ${count(stores, 'store')}, ${count(config.locations.length, 'location')}${warnings.length > 0 ? `, ${count(warnings.length, 'warning')}` : ''}.`,
    )
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(formatProblems(error.problems, { color: colors() }))
    return 1
  }
}

/** @returns the exit code */
export function printSchema(): number {
  console.log(JSON.stringify(jsonSchema(configSchema()), null, 2))
  return 0
}

/** Whether messages to people may have colours. */
export function colors(): boolean {
  return process.stderr.isTTY && process.env['NO_COLOR'] === undefined
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}
