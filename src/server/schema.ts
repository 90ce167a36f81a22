import { accessConfig } from '../access/config.ts'
import { clusterConfig } from '../config/cluster.ts'
import { composeSchema, type ConfigSchema } from '../config/index.ts'
import { logConfig } from '../config/log.ts'
import { watchConfig } from '../config/watch.ts'
import { HEALTH_PATHS } from '../metrics/health.ts'
import { DOORS } from '../protocols/doors.ts'
import { usersConfig } from '../users/config.ts'
import { ROLES } from './roles.ts'

/** The configuration's schema with the parts of users, the cluster and all doors. */
export function configSchema(): ConfigSchema {
  return composeSchema([
    accessConfig,
    usersConfig,
    watchConfig,
    logConfig,
    { fixedPaths: () => HEALTH_PATHS },
    clusterConfig(ROLES),
    ...DOORS.flatMap((door) => door.config ?? []),
  ])
}
