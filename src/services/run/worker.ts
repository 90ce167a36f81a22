import { version } from '../../config/version.ts'
import type { worker } from '../definitions/worker.ts'
import type { Applied } from '../control.ts'
import type { ServiceContext } from './context.ts'
import { jsonMap, mutable } from './json-map.ts'
import type { RunOf } from './values.ts'

export function workerService({ control, traffic }: ServiceContext): RunOf<typeof worker> {
  return {
    status: () => ({
      node: control.node,
      version: version(),
      pid: process.pid,
      uptime: process.uptime(),
      connections: [...traffic.entries()].reduce((sum, [, door]) => sum + door.connections, 0),
      memory: process.memoryUsage.rss(),
    }),
    reload: async () => lists(await control.reload()),
    setConfig: async ({ value }) => lists(await control.setConfig(jsonMap(value))),
  }
}

function lists({ changed, restarted, later }: Applied) {
  return { changed: mutable(changed), restarted: mutable(restarted), later: mutable(later) }
}
