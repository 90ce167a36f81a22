import { DOORS } from '../protocols/doors.ts'
import { SERVICES } from '../services/definitions/index.ts'

/** What a node may carry: every door, and every service of the management port. */
export const ROLES: readonly string[] = [...DOORS.map(({ name }) => name), ...Object.keys(SERVICES)]
