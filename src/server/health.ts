import type { Health, Problem } from '../metrics/health.ts'
import type { Hub } from '../hub/hub.ts'
import type { Parts } from './parts.ts'

/** Looks at the parts of a server when somebody asks whether it is ready. */
export class ServerHealth implements Health {
  readonly #parts: () => Parts
  /** It takes leave of its clients. */
  draining = false

  constructor(parts: () => Parts) {
    this.#parts = parts
  }

  problems(): readonly Problem[] {
    const { held, http, carried, shared } = this.#parts()
    const found: Problem[] = []
    if (this.draining) found.push({ what: 'server', name: 'fanfare', why: 'draining' })
    if (!held || !http.listener.listening) {
      found.push({ what: 'door', name: 'main', why: 'not listening' })
    }
    for (const [name, { hub }] of held?.stores ?? []) {
      if (!isAvailable(hub)) found.push({ what: 'store', name, why: 'not available' })
    }
    for (const [name, { running }] of carried) {
      if (running?.listener && !running.listener.listening) {
        found.push({ what: 'door', name, why: 'not listening' })
      }
    }
    const { cluster, node } = shared.control
    if (cluster?.membership?.held === false) {
      found.push({ what: 'cluster', name: node, why: 'cut off: its lease has run out' })
    }
    return found
  }
}

function isAvailable(hub: Hub): boolean {
  return hub.states().every(({ store }) => store?.available !== false)
}
