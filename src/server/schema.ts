import { composeSchema, type ConfigSchema } from '../config/index.ts'
import { DOORS } from '../protocols/doors.ts'
import { usersConfig } from '../users/config.ts'

/** The configuration's schema with the parts of users and all doors. */
export function configSchema(): ConfigSchema {
  return composeSchema([usersConfig, ...DOORS.flatMap((door) => door.config ?? [])])
}
