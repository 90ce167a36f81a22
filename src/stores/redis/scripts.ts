import { createHash } from 'node:crypto'
import type { Link, Reply } from './link.ts'
import { APPEND_LUA, PARTITIONS_LUA, REMOVE_LUA, STAT_LUA, SWEEP_LUA } from './lua-append.ts'
import { commonLua } from './lua-common.ts'
import { FLOORS_LUA, LIST_LUA, PICK_LUA, READ_LUA, SCAN_LUA } from './lua-read.ts'
import type { MemoryLimits } from '../memory.ts'

export interface Script {
  readonly text: string
  readonly sha: string
}

const BODIES = {
  append: APPEND_LUA,
  remove: REMOVE_LUA,
  stat: STAT_LUA,
  sweep: SWEEP_LUA,
  read: READ_LUA,
  scan: SCAN_LUA,
  pick: PICK_LUA,
  floors: FLOORS_LUA,
  list: LIST_LUA,
  partitions: PARTITIONS_LUA,
}
export type ScriptName = keyof typeof BODIES

/** All that the store asks Redis to do. */
export class Scripts {
  readonly #scripts: Readonly<Record<ScriptName, Script>>
  readonly #key: string

  constructor(base: string, limits: MemoryLimits, maxSkew: number | undefined, cluster: boolean) {
    const common = commonLua(limits, maxSkew, cluster)
    const scripts = Object.entries(BODIES).map(([name, body]) => [name, scriptOf(common + body)])
    this.#scripts = Object.fromEntries(scripts) as Record<ScriptName, Script>
    this.#key = `${base}m`
  }

  /** A command that runs a script by its digest, or by its text, which Redis then knows. */
  command(
    name: ScriptName,
    args: readonly (string | Buffer)[],
    byText = false,
  ): (string | Buffer)[] {
    const { sha, text } = this.#scripts[name]
    return [...(byText ? ['EVAL', text] : ['EVALSHA', sha]), '1', this.#key, ...args]
  }

  /** Runs one that may run again, if Redis has forgotten it. */
  async run(
    link: Pick<Link, 'ask'>,
    name: ScriptName,
    args: readonly (string | Buffer)[],
  ): Promise<Reply> {
    try {
      return await link.ask(this.command(name, args))
    } catch (error) {
      if (!isNoScript(error)) throw error
      return await link.ask(this.command(name, args, true))
    }
  }
}

export function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}

function scriptOf(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
