import pc from 'picocolors'
import { isLoopback } from '../access/peers.ts'
import { ConfigError, formatProblems, type Loaded, loadConfig } from '../config/index.ts'
import { FanfareServer, StartError } from '../server/server.ts'
import { colors } from './config.ts'
import type { ServeFlags } from './flags.ts'
import { configSchema } from '../server/schema.ts'
import { version } from '../config/version.ts'

/** How long stopping may take, in ms. */
const STOP_TIMEOUT = 5_000

/**
 * Runs the server until it is told to stop.
 * @returns the exit code
 */
export async function serve(flags: ServeFlags): Promise<number> {
  let loaded: Loaded
  try {
    loaded = loadConfig(configSchema(), {
      file: flags.config,
      format: flags.format,
      env: process.env,
      flags: {
        ...(flags.port === undefined ? {} : { port: flags.port }),
        ...(flags.address === undefined ? {} : { address: flags.address }),
      },
    })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(formatProblems(error.problems, { color: colors() }))
    return 1
  }
  const { config, warnings } = loaded
  if (warnings.length > 0) console.error(formatProblems(warnings, { color: colors() }))

  let server: FanfareServer
  try {
    server = await FanfareServer.start(config, { onError: report })
  } catch (error) {
    console.error(`fanfare: ${whyNot(error, config.address, config.port)}`)
    if (!(error instanceof StartError)) report(error)
    return 1
  }
  announce(server)
  await told()
  console.log('Stopping.')
  const stuck = setTimeout(() => process.exit(1), STOP_TIMEOUT).unref()
  await server.stop()
  clearTimeout(stuck)
  return 0
}

/** What listens where, and a line to try each. */
function announce(server: FanfareServer): void {
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
  const stores = Object.entries(config.stores).map(([name, { type }]) => `${name} (${type})`)
  console.log(`\n  stores     ${stores.join(', ')}`)
  console.log(`  publishing from ${config.trustedPeers.join(', ')} only`)
  const addresses = [server.address.address, ...server.places.map(({ address }) => address)]
  const open = addresses.filter((address) => address !== undefined && !isLoopback(address))
  if (open.length > 0) {
    console.error(
      `\n${pc.yellow('warning')}: ${[...new Set(open)].join(', ')} can be reached from other machines: anyone there may listen. Only trustedPeers may publish.`,
    )
  }
  console.log(`\nStop with Ctrl-C.`)
}

function report(error: unknown): void {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error)
}

/** Waits for a signal to stop. */
function told(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
}

function whyNot(thrown: unknown, mainAddress: string, mainPort: number): string {
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
