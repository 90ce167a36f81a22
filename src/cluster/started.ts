import type { OnError, Report } from '../model/events.ts'
import { clusterOf } from '../config/cluster.ts'
import type { Loaded } from '../config/index.ts'
import type { ResolvedConfig } from '../config/types.ts'
import { FanfareServer } from '../server/server.ts'
import type { Applied } from '../services/control.ts'
import { type ConfigSource, loadNode } from './configuration.ts'
import { ClusterNode } from './node.ts'

export interface StartOptions {
  readonly source: ConfigSource
  /** Which of several processes behind the same ports this is, from 1. */
  readonly worker?: number | undefined
  /** The incarnation of the process that was this worker before, and has ended. */
  readonly former?: string | undefined
  /** Hears what happens in the cluster. */
  readonly report: Report
  readonly onError: OnError
}

/** A server that runs, alone or as one of several. */
export interface Started {
  readonly server: FanfareServer
  readonly loaded: Loaded
  /** Undefined: it stands alone. */
  readonly node: ClusterNode | undefined
  /**
   * Reads its configuration again, and applies it.
   * @throws ConfigError or FanfareError `bad_config` with every mistake
   */
  reload(): Promise<Applied>
  /** Sends all clients elsewhere, within `limits.drainTimeout`; `stop` is to follow. */
  drain(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts a server as its configuration says.
 * @throws ConfigError, JoinError, StartError
 */
export async function startNode(options: StartOptions): Promise<Started> {
  const { onError, report, worker, former } = options
  const source = worker === undefined ? options.source : ofWorker(options.source, worker)
  const loaded = loadNode(source, '')
  if (clusterOf(loaded.config)) {
    const suffix = worker === undefined ? '' : `/${worker}`
    const node = await ClusterNode.start({ source, suffix, former, report, onError })
    const { server } = node
    return {
      server,
      loaded: node.loaded,
      node,
      reload: () => node.reload(),
      drain: () => node.drain(),
      stop: () => node.stop(),
    }
  }
  const server = await FanfareServer.start(loaded.config, {
    onError,
    reload: async (extra) => loadNode(source, '', undefined, extra).config,
  })
  return {
    server,
    loaded,
    node: undefined,
    reload: () => server.apply(loadNode(source, '').config),
    drain: () => server.drain(),
    stop: () => server.stop(),
  }
}

/** What several processes cannot do at once, the first one does. */
function ofWorker(source: ConfigSource, worker: number): ConfigSource {
  return worker === 1 ? source : { ...source, adjust: withoutSingles }
}

function withoutSingles(config: ResolvedConfig): ResolvedConfig {
  const { sparkleshare } = config.doors
  return {
    ...config,
    doors: {
      ...config.doors,
      scan: false,
      // libzmq listens by itself: its ports cannot be shared.
      sparkleshare: sparkleshare ? { ...sparkleshare, zeromq: false } : sparkleshare,
    },
  }
}
