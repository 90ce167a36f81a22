/**
 * Scanning: announces what is pushed to the git repositories of a folder, where no hook can be
 * installed or one was forgotten. GitPubSub had it until 2013 under the same settings. See
 * docs/git.md.
 */
import { resolve } from 'node:path'
import { doorOf } from '../../config/types.ts'
import { channelFromText, textToBytes } from '../../model/channel.ts'
import { draftOf } from '../../repository/event.ts'
import type { Door } from '../door.ts'
import { scanConfig, scanSchema } from './config.ts'
import { luaPattern } from './lua-pattern.ts'
import { Overheard } from './overheard.ts'
import { Scanner } from './scanner.ts'
import { defaultStateFile, StateFile } from './state.ts'

export const scan: Door = {
  name: 'scan',
  config: scanConfig,
  async start(context) {
    const options = doorOf(context.config, 'scan', scanSchema)
    if (options === false || options.rootFolder === false) return undefined
    const rootFolder = resolve(options.rootFolder)
    const channel = channelFromText(options.channel)
    if (channel === undefined) throw new Error('scan.channel: a channel has 1 to 512 bytes')
    const hub = context.hub(options.store)
    const traffic = context.traffic.of('scan')
    const overheard = new Overheard(hub, channel)
    const scanner = new Scanner({
      rootFolder,
      criteria: criteriaOf(options.scanCriteria),
      gitFolder: options.gitFolder,
      interval: options.interval,
      maxRepositories: options.maxRepositories,
      maxCommits: options.maxCommits,
      state: new StateFile(resolve(options.state ?? defaultStateFile(rootFolder)), rootFolder),
      async publish(json) {
        await hub.publish(draftOf(channel, json), traffic)
      },
      overheard: (project) => overheard.take(project),
      onError: (error) => context.onError(error),
    })
    try {
      await scanner.start()
    } catch (error) {
      await scanner.stop()
      throw new Error(`scan.rootFolder: ${reasonOf(error, rootFolder)}`, { cause: error })
    }
    const { count } = scanner
    const where = `${rootFolder} (${count} ${count === 1 ? 'repository' : 'repositories'})`
    return { places: [{ what: 'scan', where }], stop: () => scanner.stop() }
  },
}

/** @throws Error naming the setting */
function criteriaOf(pattern: string): RegExp {
  try {
    return luaPattern(textToBytes(pattern))
  } catch (error) {
    throw new Error(`scan.scanCriteria: ${(error as Error).message}`, { cause: error })
  }
}

function reasonOf(error: unknown, folder: string): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return `there is no folder ${folder}`
  if (code === 'ENOTDIR') return `${folder} is not a folder`
  if (code === 'EACCES') return `${folder} may not be read`
  return message
}
