import type { Log } from '../../hub/contract.ts'
import type { Hub } from '../../hub/hub.ts'
import { type ChannelName, textToBytes } from '../../model/channel.ts'
import type { MessageId } from '../../model/id.ts'
import { Selectors } from '../../model/selector.ts'
import { readCommit } from '../../repository/event.ts'
import { isNone, type Refs } from '../../repository/refs.ts'

/** Messages read at once, and steps that are kept until somebody asks for them. */
const PAGE = 500
const MAX_STEPS = 10_000

/** A ref went from one of these hashes to another, as somebody announced. */
export interface Step {
  readonly project: string
  /** One character a byte. */
  readonly ref: string
  readonly from: readonly string[]
  readonly to: string
}

/**
 * What others, such as hooks, have announced on the channel of the scan. It knows by it what need not be
 * announced again: of two pushes in a row that the hook told one by one, a scan sees only the result,
 * and would tell that as a third thing.
 */
export class Overheard {
  readonly #log: Log
  readonly #selectors: Selectors
  #cursor: MessageId
  #steps: Step[] = []

  constructor(hub: Hub, channel: ChannelName) {
    this.#log = hub.at(channel)
    this.#selectors = Selectors.channel(channel)
    this.#cursor = this.#log.head
  }

  /** What was announced of a project since the last call for it, oldest first. */
  async take(project: string): Promise<Step[]> {
    await this.#catchUp()
    const taken = this.#steps.filter((step) => step.project === project)
    this.#steps = this.#steps.filter((step) => step.project !== project)
    return taken
  }

  async #catchUp(): Promise<void> {
    const upTo = this.#log.head
    while (this.#cursor < upTo) {
      const query = { selectors: this.#selectors, after: this.#cursor, upTo, limit: PAGE }
      const page = await this.#log.read(query)
      for (const { ownData } of page.messages) this.#steps.push(...stepsOf(ownData))
      if (this.#steps.length > MAX_STEPS) this.#steps.splice(0, this.#steps.length - MAX_STEPS)
      if (page.upTo <= this.#cursor) return
      this.#cursor = page.upTo
    }
  }
}

/** The refs as they stand once what was announced of them is counted in. */
export function advanced(known: Refs, steps: readonly Step[]): Refs {
  const refs = new Map(known)
  for (const { ref, from, to } of steps) {
    // Only what continues what we know: of anything else something may be missing.
    const here = refs.get(ref)
    const continues = here === undefined ? from.some(isNone) : from.includes(here)
    if (!continues) continue
    if (isNone(to)) refs.delete(ref)
    else refs.set(ref, to)
  }
  return refs
}

function stepsOf(data: string | undefined): Step[] {
  if (data === undefined) return []
  const value: unknown = JSON.parse(data)
  const commit = readCommit(value)
  const { project, ref, hash, old, new: target } = commit ?? {}
  if (project === undefined || ref === undefined) return []
  if (old !== undefined && target !== undefined) {
    return [{ project, ref: textToBytes(ref), from: [old], to: target }]
  }
  const { parents } = (value as { commit: { parents?: unknown } }).commit
  if (hash === undefined || !Array.isArray(parents)) return []
  const from = parents.filter((parent): parent is string => typeof parent === 'string')
  return [{ project, ref: textToBytes(ref), from, to: hash }]
}
