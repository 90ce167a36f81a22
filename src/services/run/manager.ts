import { FanfareError } from '../../model/errors.ts'
import type { manager } from '../definitions/manager.ts'
import type { ConfigVersion } from '../control.ts'
import type { ServiceContext } from './context.ts'
import { jsonMap, mutable } from './json-map.ts'
import { OneNode } from './one-node.ts'
import type { RunOf } from './values.ts'

/** Versions that are listed when nobody says how many. */
const FEW_VERSIONS = 20
/** Who set a configuration when nobody says who. */
const NOBODY = 'unknown'

export function managerService(context: ServiceContext): RunOf<typeof manager> {
  const { control } = context
  const all = control.cluster ?? new OneNode(context)
  return {
    setConfig: async ({ value }, author = NOBODY) =>
      withLines(await all.setConfig(jsonMap(value), author)),
    async getConfig(nodeId) {
      const config = await all.getConfig(nodeId)
      if (config) return config
      const known = Object.keys(await all.status()).join(', ')
      throw new FanfareError('unknown_node', `There is no node ${nodeId}; known: ${known}.`)
    },
    distributeConfig: async () => all.distributeConfig(),
    versions: async (limit = FEW_VERSIONS) => (await all.versions(limit)).map(withLines),
    async status() {
      const nodes = Object.entries(await all.status())
      return Object.fromEntries(
        nodes.map(([name, { roles, spareFor, ...status }]) => [
          name,
          { ...status, roles: mutable(roles), spareFor: mutable(spareFor) },
        ]),
      )
    },
  }
}

function withLines({ diff, ...version }: ConfigVersion) {
  return { ...version, diff: mutable(diff) }
}
