import { join } from 'node:path'
import { Launched } from '../run/launch.ts'
import { BENCH, removeScratch } from '../run/paths.ts'
import type { Running } from './peer.ts'

export interface ServerOptions {
  readonly command: readonly string[]
  readonly core: number | undefined
  /** Its working directory, removed when it stops. */
  readonly cwd: string
  readonly port: number
  /** Further ports, by the names that doors use. */
  readonly ports?: Readonly<Record<string, number>>
  /** Set for it, beside what this process has. */
  readonly env?: Readonly<Record<string, string>>
  /** It was started by `nodeCommand`. */
  readonly node?: boolean
  /** Asked once it accepts connections. */
  readonly version: () => string | Promise<string>
}

/** How a script of Node's is started, so that its event loop's delay can be measured. */
export function nodeCommand(...args: readonly string[]): string[] {
  return [process.execPath, '--import', join(BENCH, 'preload/delay.js'), ...args]
}

/** Starts a server and waits until its main port accepts. */
export async function startServer(options: ServerOptions): Promise<Running> {
  const { command, core, cwd, port } = options
  const delayFile = options.node === true ? join(cwd, 'delay.txt') : undefined
  const env = {
    ...options.env,
    ...(delayFile === undefined ? {} : { BENCH_DELAY_FILE: delayFile }),
  }
  const launch = (): Launched => Launched.start({ command, core, cwd, env })
  let launched = launch()
  const stop = async (): Promise<void> => {
    await launched.stop()
    removeScratch(cwd)
  }
  try {
    await launched.accepting(port)
    return {
      get pid() {
        return launched.pid
      },
      ports: { main: port, ...options.ports },
      version: await options.version(),
      delayFile,
      lastWords: () =>
        `${launched.ending === undefined ? '' : `ended by ${launched.ending}\n`}${launched.output}`,
      async restart() {
        await launched.stop()
        launched = launch()
        await launched.accepting(port)
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
