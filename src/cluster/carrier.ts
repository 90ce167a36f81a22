import type { Report } from '../model/events.ts'
import type { View } from './view.ts'

export interface CarrierOptions {
  readonly node: string
  /** Begins and ends doors; with `park`, those that left keep their connections for now. */
  readonly carry: (roles: ReadonlySet<string>, park: boolean) => Promise<void>
  /** What it carries has changed. */
  readonly changed: () => void
  readonly report: Report
}

/**
 * Sees to it that a node carries what it holds: it begins what it has taken over, and ends what another has. What
 * another may have taken while this node could not know, it leaves at once, but keeps its connections until
 * it knows.
 */
export class Carrier {
  readonly #options: CarrierOptions
  /** What is carried. */
  #roles: ReadonlySet<string>
  /** What is to be carried. */
  #wanted: ReadonlySet<string>
  #park = false
  #parked = false
  #working = false
  #failure = ''

  /** @param roles what the node starts with */
  constructor(roles: ReadonlySet<string>, options: CarrierOptions) {
    this.#roles = roles
    this.#wanted = roles
    this.#options = options
  }

  get roles(): ReadonlySet<string> {
    return this.#roles
  }

  /** @param held roles of the places that this node holds now */
  holds(held: ReadonlySet<string>): void {
    this.#become(held, false)
  }

  /** The lease has run out. @param last what was known of the others */
  lost(last: View): void {
    const others = [...last.nodes.values()].filter(
      ({ name, up }) => up && name !== this.#options.node,
    )
    const awaited = new Set(others.flatMap(({ spareFor }) => spareFor))
    const rest = new Set([...this.#roles].filter((role) => !awaited.has(role)))
    if (rest.size < this.#roles.size) this.#become(rest, true)
  }

  #become(wanted: ReadonlySet<string>, park: boolean): void {
    this.#wanted = wanted
    this.#park = park
    if (!this.#working) void this.#work()
  }

  async #work(): Promise<void> {
    const { carry, changed, report } = this.#options
    this.#working = true
    while (!isSame(this.#roles, this.#wanted) || this.#parked !== this.#park) {
      const [wanted, park] = [this.#wanted, this.#park]
      const came = [...wanted].filter((role) => !this.#roles.has(role))
      const left = [...this.#roles].filter((role) => !wanted.has(role))
      try {
        await carry(wanted, park)
      } catch (error) {
        // Tried again with the next beat; said once.
        const words = error instanceof Error ? error.message : String(error)
        if (words !== this.#failure)
          report(`This node cannot carry what it holds: ${words}`, 'cluster.carry_failed')
        this.#failure = words
        break
      }
      this.#failure = ''
      this.#roles = wanted
      this.#parked = park
      if (came.length > 0)
        report(`This node carries ${came.join(', ')} from now on.`, 'cluster.roles')
      if (left.length > 0) {
        report(
          `This node ${park ? 'takes no more for' : 'carries no more'} ${left.join(', ')}.`,
          'cluster.roles',
        )
      }
      changed()
    }
    this.#working = false
  }
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((role) => b.has(role))
}
