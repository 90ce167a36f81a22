import { Launched } from '../run/launch.ts'
import { removeScratch } from '../run/paths.ts'
import type { Running } from './peer.ts'

export interface ServerOptions {
  readonly command: readonly string[]
  readonly core: number | undefined
  /** Its working directory, removed when it stops. */
  readonly cwd: string
  readonly port: number
  /** Further ports, by the names that doors use. */
  readonly ports?: Readonly<Record<string, number>>
  /** Asked once it accepts connections. */
  readonly version: () => string | Promise<string>
}

/** Starts a server of one main port and waits until it accepts. */
export async function startServer(options: ServerOptions): Promise<Running> {
  const { command, core, cwd, port } = options
  const launched = Launched.start({ command, core, cwd })
  const stop = async (): Promise<void> => {
    await launched.stop()
    removeScratch(cwd)
  }
  try {
    await launched.accepting(port)
    return {
      pid: launched.pid,
      ports: { main: port, ...options.ports },
      version: await options.version(),
      lastWords: () =>
        `${launched.ending === undefined ? '' : `ended by ${launched.ending}\n`}${launched.output}`,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
