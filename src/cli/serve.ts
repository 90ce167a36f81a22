import { accessKey } from '../access/config.ts'
import { resolve as absolute } from 'node:path'
import pc from 'picocolors'
import { isLoopback } from '../access/peers.ts'
import { type ConfigSource, loadNode } from '../cluster/configuration.ts'
import { JoinError } from '../cluster/member.ts'
import type { ClusterNode } from '../cluster/node.ts'
import { type Started, startNode } from '../cluster/started.ts'
import { managerOf } from '../cluster/view.ts'
import {
  endWorker,
  formerWorker,
  Supervisor,
  tellSupervisor,
  workerSlot,
} from '../cluster/workers.ts'
import { clusterOf, workersOf } from '../config/cluster.ts'
import { watchesFile } from '../config/watch.ts'
import { ConfigError, formatProblems } from '../config/index.ts'
import { doorOf, type ResolvedConfig } from '../config/types.ts'
import { tellProblems } from './problems.ts'
import { Log } from '../log/log.ts'
import { ROLES } from '../server/roles.ts'
import { StartError } from '../server/server.ts'
import { colors } from './config.ts'
import type { Report } from '../model/events.ts'
import { inherit } from '../net/inherited.ts'
import { containFailures } from './contain.ts'
import { reloadAtChange, reloadAtHangup } from './reload.ts'
import { onStopSignals } from './stop-signals.ts'
import { inheritedSockets, ServiceManager } from './systemd.ts'
import type { ServeFlags } from './flags.ts'
import { version } from '../config/version.ts'

/** How long stopping may take once all clients were let go, in ms. */
const STOP_TIMEOUT = 5_000
/** Doors whose sockets a service manager may open; `http` is the main port. */
const LISTENING = ['http', 'feed', 'redis', 'sparkleshare', 'fanout', 'management']

/**
 * Runs the server until it is told to stop.
 * @returns the exit code
 */
export async function serve(flags: ServeFlags): Promise<number> {
  const code = await run(flags)
  endWorker(code)
  return code
}

async function run(flags: ServeFlags): Promise<number> {
  const source: ConfigSource = {
    file: flags.config,
    format: flags.format,
    env: process.env,
    flags: given(flags),
  }
  const worker = workerSlot()
  const isWorker = worker !== undefined
  // What looks after workers speaks for them.
  const manager = new ServiceManager(isWorker ? {} : process.env, report)
  inherit(inheritedSockets(process.env, isWorker, LISTENING))
  let started: Started
  let log: Log
  let at: Pick<ResolvedConfig, 'address' | 'port'> | undefined
  try {
    const { config } = loadNode(source, '')
    at = config
    let current = (): ResolvedConfig => config
    log = new Log({ config: () => current(), target: process.stderr, base: baseOf(config, worker) })
    const count = workersOf(config)
    const { file } = source
    if (file !== undefined && worker === undefined && watchesFile(config))
      await reloadAtChange(file, log)
    if (count > 1 && worker === undefined) {
      const supervisor = new Supervisor({
        count,
        stopTimeout: stopTimeout(config),
        report: sayTo(log),
        ready: () => void manager.ready(),
        reloading: () => void manager.reloading(),
      })
      onStopSignals({
        first: () => {
          void manager.stopping()
          supervisor.stop()
        },
        second: (code) => supervisor.kill(code),
      })
      return await supervisor.run()
    }
    const starting = startNode({
      source,
      worker,
      former: formerWorker(),
      report: sayTo(log),
      onError: (error, about) => log.failed(error, about),
    })
    reloadAtHangup({
      reload: async () => (await starting).reload(),
      log,
      begin: () => void manager.reloading(),
      done: () => {
        void manager.ready()
        starting.then(
          ({ server }) =>
            tellSupervisor({ fanfare: 'reloaded', stopTimeout: stopTimeout(server.config) }),
          // It did not start: that is said elsewhere.
          () => {},
        )
      },
    })
    started = await starting
    const { server } = started
    containFailures((error) => server.report(error))
    current = () => server.config
  } catch (error) {
    if (error instanceof ConfigError) {
      console.error(formatProblems(error.problems, { color: colors() }))
      return 1
    }
    console.error(`fanfare: ${whyNot(error, at?.address ?? '', at?.port ?? 0)}`)
    if (!(error instanceof StartError) && !(error instanceof JoinError)) report(error)
    return 1
  }
  // Whoever reads that it runs may stop it at once.
  const stopped = told(isWorker)
  tellSupervisor({ fanfare: 'ready', incarnation: started.server.incarnation })
  const { warnings } = started.loaded
  if (worker === undefined || worker === 1) {
    if (warnings.length > 0) tellProblems(log, warnings)
    announce(started, log)
  }
  void manager.ready()
  const displaced = await Promise.race([stopped, started.node?.displaced ?? never()])
  if (displaced) log.tell('cluster.displaced', displaced.message)
  else {
    log.tellPrograms('server.stopping', 'Stopping.')
    if (!isWorker)
      console.log('Stopping: clients are sent elsewhere. Ctrl-C again ends it at once.')
  }
  void manager.stopping()
  const stuck = setTimeout(() => process.exit(1), stopTimeout(started.server.config)).unref()
  if (!displaced) await started.drain()
  await started.stop()
  clearTimeout(stuck)
  log.end()
  return displaced ? 1 : 0
}

/** What the command line says, by the keys of the configuration. */
function given({
  port,
  address,
  node,
  roles,
  spareFor,
  workers,
  watch,
  logLevel,
  logFormat,
}: ServeFlags): Record<string, unknown> {
  const all: Record<string, unknown> = {
    watch: watch === false ? false : undefined,
    port,
    address,
    'cluster.node': node,
    'cluster.roles': namesIn(roles),
    'cluster.spare_for': namesIn(spareFor),
    workers,
    'log.level': logLevel,
    'log.format': logFormat,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function namesIn(text: string | undefined): string[] | undefined {
  return text?.split(/[\s,]+/).filter((name) => name !== '')
}

function listening(rules: readonly string[]): string {
  if (rules.length === 0) return 'nobody there may listen without a key.'
  const what = rules.includes('/') ? '' : ` to ${rules.join(' ')}`
  return `anyone there may listen${what}.`
}

/** What listens where, and a line to try each. */
function announce({ server, node }: Started, log: Log): void {
  const { config } = server
  console.log(`${pc.bold(`Fanfare ${version()}`)} listens on ${pc.cyan(server.url)}\n`)
  const rows = server.places.map(({ what, where, example = '' }) => ({
    where: `${what.padEnd(13)} ${where}`,
    example,
  }))
  const width = Math.max(0, ...rows.map((row) => row.where.length))
  for (const { where, example } of rows) {
    console.log(`  ${where.padEnd(width)}  ${example === '' ? '' : pc.dim(example)}`.trimEnd())
  }
  const stores = Object.entries(config.stores).map(([name, store]) => {
    const where = store.type === 'file' ? `file, in ${absolute(store.path)}` : store.type
    return `${name} (${where})`
  })
  console.log(`\n  stores     ${stores.join(', ')}`)
  if (node) console.log(aboutNode(node, workersOf(config)))
  const { anonymous, keys } = doorOf(config, 'access', accessKey)
  const { trustedPeers } = config
  const ways = [
    ...(trustedPeers.length === 0 ? [] : [`from ${trustedPeers.join(', ')}`]),
    ...(anonymous.publish.length === 0 ? [] : [`by anybody to ${anonymous.publish.join(' ')}`]),
    `with a key (${keys})`,
  ]
  console.log(`  publishing ${ways.join(', or ')}`)
  const addresses = [server.address.address, ...server.places.map(({ address }) => address)]
  const open = addresses.filter((address) => address !== undefined && !isLoopback(address))
  if (open.length > 0) {
    const reached = [...new Set(open)]
    const words = `${reached.join(', ')} can be reached from other machines: ${listening(anonymous.subscribe)} Publishing is for trustedPeers and keys.`
    if (log.pretty) console.error(`\n${pc.yellow('warning')}: ${words}`)
    else log.tell('server.open', words, { addresses: reached })
  }
  const { url, places } = server
  log.tellPrograms('server.started', `Fanfare ${version()} listens on ${url}`, {
    url,
    version: version(),
    places: Object.fromEntries(places.map(({ what, where }) => [what, where])),
  })
  console.log(`\nStop with Ctrl-C.`)
}

function report(error: unknown): void {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error)
}

/** What happens in a cluster, and to workers. */
function sayTo(log: Log): Report {
  return (text, event = 'server.error') => log.tell(event, text)
}

/** Which node this is of several, and which worker. */
function baseOf(config: ResolvedConfig, worker: number | undefined): Record<string, unknown> {
  const { node } = clusterOf(config) ?? {}
  return {
    ...(node === undefined ? {} : { node }),
    ...(worker === undefined ? {} : { worker }),
  }
}

/** This node among the others. */
function aboutNode({ settings, roles, view, isManager }: ClusterNode, workers: number): string {
  const others = [...view.nodes.values()].filter(({ name, up }) => up && name !== settings.node)
  const manager = isManager ? 'this node' : (managerOf(view)?.holder ?? 'none')
  const all = ROLES.every((role) => roles.has(role))
  const waiting = view.nodes.get(settings.node)?.spareFor ?? []
  const rows = [
    ['node', settings.node],
    ['roles', all ? 'all' : [...roles].join(', ') || 'none'],
    ['spare for', waiting.join(', ')],
    ['other nodes', others.map(({ name }) => name).join(', ') || 'none'],
    ['manager', manager],
    ['workers', workers > 1 ? String(workers) : ''],
  ]
  return rows
    .filter(([, value]) => value !== '')
    .map(([what = '', value]) => `  ${what.padEnd(13)}${value}`)
    .join('\n')
}

/**
 * Waits for a signal to stop; a second one ends the process at once.
 * @param isWorker whoever looks after it decides about the second
 */
function told(isWorker: boolean): Promise<undefined> {
  return new Promise((resolve) => {
    onStopSignals({
      first: () => resolve(undefined),
      second: (code) => {
        if (!isWorker) process.exit(code)
      },
    })
  })
}

/** How long it may take in all to stop, in ms. */
function stopTimeout({ limits }: ResolvedConfig): number {
  return limits.drainTimeout + STOP_TIMEOUT
}

function never(): Promise<undefined> {
  return new Promise(() => {})
}

function whyNot(thrown: unknown, mainAddress: string, mainPort: number): string {
  if (thrown instanceof JoinError) return thrown.message
  const { cause, door } = thrown instanceof StartError ? thrown : { cause: thrown, door: undefined }
  const error = cause as NodeJS.ErrnoException & { address?: string; port?: number }
  const { address = mainAddress, port = door === undefined ? mainPort : undefined } = error
  const place = port === undefined ? address : `${address === '' ? '*' : address}:${port}`
  const other =
    door === undefined
      ? 'choose another port: --port 8081, with npm: npm start -- --port 8081.'
      : `choose another in the configuration (\`${door}: { port: … }\`, or FANFARE_${door.toUpperCase()}__PORT in the environment), or switch it off (\`${door}: false\`).`
  const { code, message } = error
  if (code === 'EADDRINUSE') {
    return `something else listens on ${place} already; stop it, or ${other}`
  }
  if (code === 'EACCES') {
    return `no permission to listen on ${place}; ports below 1024 need root. Or ${other}`
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${address} is not an address of this machine.`
  }
  return `cannot start${door === undefined ? '' : ` ${door}`}: ${message}`
}
