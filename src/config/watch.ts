import { Type } from 'typebox'
import type { ConfigFragment } from './schema.ts'
import { doorOf, type ResolvedConfig } from './types.ts'

const watchKey = Type.Boolean({
  description:
    'Whether the configuration file is read again when it changes. SIGHUP has it read again in any ' +
    'case. See docs/operations.md.',
  default: true,
})

export const watchConfig: ConfigFragment = { keys: { watch: watchKey } }

/** Whether a changed file is to be read again. */
export function watchesFile(config: ResolvedConfig): boolean {
  return doorOf(config, 'watch', watchKey)
}
