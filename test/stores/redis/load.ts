/** Publishers that never stop, and what became of what they published. */
import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { FanfareError } from '../../../src/model/errors.ts'
import { BEFORE_ALL } from '../../../src/model/id.ts'
import type { Message } from '../../../src/model/message.ts'
import { Selectors } from '../../../src/model/selector.ts'
import { until } from '../../support/wait.ts'
import { draft, type Node } from './rig.ts'

/** `scripts/redis-faults.mjs` does everything for longer, and wants to know what came of it. */
export const LONG = process.env['FANFARE_REDIS_FAULTS'] !== undefined

/**
 * Publishes one after another on a few lines at once, until it is stopped. What is refused is published again
 * with the same key.
 */
export class Load {
  readonly acknowledged: string[] = []
  refused = 0
  #stopped = false
  readonly #running: Promise<unknown>

  constructor(one: Node, label: string, lines = 8) {
    const run = async (line: number): Promise<void> => {
      for (let n = 0; !this.#stopped; n++) {
        const body = `${label}${line} ${n}`
        while (!(await this.#publish(one, `c${line}`, body))) await delay(5)
      }
    }
    this.#running = Promise.all(Array.from({ length: lines }, (_, line) => run(line)))
  }

  /** @returns false when it was refused, and is to be tried again */
  async #publish(one: Node, channel: string, body: string): Promise<boolean> {
    try {
      await one.store.append(draft(channel, body, { key: body }))
      this.acknowledged.push(body)
      return true
    } catch (error) {
      if (!(error instanceof FanfareError) || error.code !== 'store_unavailable') throw error
      this.refused++
      return this.#stopped
    }
  }

  async reach(count: number): Promise<void> {
    const wanted = this.acknowledged.length + count
    await until(() => this.acknowledged.length >= wanted, `${count} more publishes`, 30_000)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }
}

/** All that is stored, in the order in which it is read. */
export async function messagesIn(one: Node): Promise<Message[]> {
  const found: Message[] = []
  let after = BEFORE_ALL
  for (;;) {
    const selectors = new Selectors([], [''])
    const page = await one.store.read({ selectors, after, limit: 1_000 })
    found.push(...page.messages)
    if (page.upTo <= after) return found
    after = page.upTo
  }
}

/** All bodies that are stored, in order. */
export async function stored(one: Node): Promise<string[]> {
  return (await messagesIn(one)).map(({ body }) => body.toString())
}

/** What became of it all; everything but the first four is 0 if all is well. */
export interface Outcome {
  readonly acknowledged: number
  readonly refused: number
  readonly stored: number
  /** Times that a node was told that it may have missed something. */
  readonly gaps: number
  /** Acknowledged, and not stored. */
  readonly lost: number
  /** Stored twice, or announced twice. */
  readonly doubled: number
  /** Stored or announced in another order than published. */
  readonly reordered: number
  /** Stored or acknowledged, and neither announced on some node nor told of as a gap. */
  readonly silent: number
}

export const WELL = { gaps: 0, lost: 0, doubled: 0, reordered: 0, silent: 0 }

/** @param what was done, for the report; @param nodes of which each is to have heard everything */
export async function outcomeOf(
  what: string,
  nodes: readonly Node[],
  loads: readonly Load[],
): Promise<Outcome> {
  const messages = await messagesIn(nodes[0] as Node)
  for (const { messages: heard } of nodes) {
    await until(() => heard.at(-1)?.id === messages.at(-1)?.id, 'all was heard')
  }
  const bodies = messages.map(({ body }) => body.toString())
  const acknowledged = loads.flatMap((load) => load.acknowledged)
  const found = new Set(bodies)
  const logs = [messages, ...nodes.map((node) => node.messages)]
  const outcome: Outcome = {
    acknowledged: acknowledged.length,
    refused: total(...loads.map(({ refused }) => refused)),
    stored: bodies.length,
    gaps: total(...nodes.map(({ skipped }) => skipped)),
    lost: acknowledged.filter((body) => !found.has(body)).length,
    doubled: total(bodies.length - found.size, ...logs.map(doublesIn)),
    reordered: total(disorderIn(bodies), ...logs.map(stepsBackIn)),
    silent: total(...nodes.map((node) => silentAt(node, [...bodies, ...acknowledged]))),
  }
  if (LONG) appendFileSync(process.env['FANFARE_REDIS_FAULTS'] as string, lineOf(what, outcome))
  return outcome
}

function total(...counts: readonly number[]): number {
  return counts.reduce((all, one) => all + one, 0)
}

function doublesIn(messages: readonly Message[]): number {
  return messages.length - new Set(messages.map(({ id }) => id)).size
}

function stepsBackIn(messages: readonly Message[]): number {
  return messages.filter(({ id }, at) => id < (messages[at - 1]?.id ?? 0)).length
}

/** Bodies that stand behind a later one of their line. */
function disorderIn(bodies: readonly string[]): number {
  const newest = new Map<string, number>()
  let found = 0
  for (const body of bodies) {
    const [line = '', n] = body.split(' ')
    if (Number(n) <= (newest.get(line) ?? -1)) found++
    else newest.set(line, Number(n))
  }
  return found
}

function silentAt({ heard, skipped }: Node, expected: readonly string[]): number {
  if (skipped > 0) return 0
  const known = new Set(heard)
  return expected.filter((body) => !known.has(body)).length
}

function lineOf(what: string, outcome: Outcome): string {
  const counts = Object.entries(outcome).map(([name, count]) => `${count} ${name}`)
  return `${what}: ${counts.join(', ')}\n`
}
