import { settings } from '../../src/config/schema.ts'
import { configSchema } from '../../src/server/schema.ts'

export { configSchema } from '../../src/server/schema.ts'

/** Every environment variable that sets a key of the configuration. */
export function environmentNames(): string[] {
  return settings(configSchema()).map(({ env }) => env)
}
