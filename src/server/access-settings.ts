import { accessKey } from '../access/config.ts'
import type { AccessSettings } from '../access/identity.ts'
import { doorOf, type ResolvedConfig } from '../config/types.ts'
import { usersKey } from '../users/config.ts'

/** The keys of the configuration that say who may do what: their changes are taken together. */
export const ACCESS_KEYS = ['access', 'users', 'trustedPeers', 'trustedProxies'] as const

/** What of a configuration says who may do what. */
export function accessSettings(config: ResolvedConfig): AccessSettings {
  const { trustedPeers, trustedProxies } = config
  return {
    access: doorOf(config, 'access', accessKey),
    trustedPeers,
    trustedProxies,
    users: doorOf(config, 'users', usersKey),
  }
}
