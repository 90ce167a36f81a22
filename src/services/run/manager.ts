import { FanfareError } from '../../model/errors.ts'
import type { manager } from '../definitions/manager.ts'
import type { ServiceContext } from './context.ts'
import { shownConfig } from './redact.ts'
import type { RunOf } from './values.ts'
import { standsAlone } from './worker.ts'

export function managerService(context: ServiceContext): RunOf<typeof manager> {
  const { users, config, place } = context
  return {
    setConfig: () => standsAlone(),
    getConfig(nodeId) {
      if (nodeId === users.node) return shownConfig(config)
      throw new FanfareError('unknown_node', `There is no node ${nodeId}; known is: ${users.node}.`)
    },
    distributeConfig: () => standsAlone(),
    status: () => ({ [users.node]: { state: { up: true, downSince: null }, config: place() } }),
  }
}
