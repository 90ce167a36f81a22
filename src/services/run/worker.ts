import { version } from '../../config/version.ts'
import { FanfareError } from '../../model/errors.ts'
import type { worker } from '../definitions/worker.ts'
import type { ServiceContext } from './context.ts'
import type { RunOf } from './values.ts'

export function workerService({ users, traffic }: ServiceContext): RunOf<typeof worker> {
  return {
    status: () => ({
      node: users.node,
      version: version(),
      pid: process.pid,
      uptime: process.uptime(),
      connections: [...traffic.entries()].reduce((sum, [, door]) => sum + door.connections, 0),
      memory: process.memoryUsage.rss(),
    }),
    reload: () => standsAlone(),
    setConfig: () => standsAlone(),
  }
}

/** @throws FanfareError `not_clustered` */
export function standsAlone(): never {
  throw new FanfareError('not_clustered')
}
