import { composeSchema, type ConfigSchema } from '../config/index.ts'
import { DOORS } from '../protocols/doors.ts'

/** The configuration's schema with the parts of all doors. */
export function configSchema(): ConfigSchema {
  return composeSchema(DOORS.flatMap((door) => door.config ?? []))
}
