import type { Exchange } from '../../http/exchange.ts'
import { CONTENT_TYPES, formatFor } from '../../metrics/exposition.ts'
import { ServerMetrics } from '../../metrics/server-metrics.ts'
import { asFanfareError } from '../../model/errors.ts'
import type { DoorContext } from '../door.ts'
import { answer, refuse } from './answers.ts'

const PATH = '/metrics'

/** `GET /metrics`, for Prometheus. */
export class MetricsRoute {
  readonly #context: DoorContext
  readonly #metrics: ServerMetrics

  /** @param hidden doors that are none */
  constructor(context: DoorContext, hidden: readonly string[]) {
    this.#context = context
    this.#metrics = new ServerMetrics(context, hidden)
  }

  /** Answers the request, if it is one for this. */
  handle(exchange: Exchange): boolean {
    const { path, method } = exchange
    if (path !== PATH || (method !== 'GET' && method !== 'HEAD')) return false
    const format = formatFor(exchange.header('accept'))
    exchange.hold(NOBODY)
    this.#metrics.text(format).then(
      (text) => answer(exchange, 200, [`Content-Type: ${CONTENT_TYPES[format]}`], text),
      (error: unknown) => {
        this.#context.onError(error)
        refuse(exchange, asFanfareError(error))
      },
    )
    return true
  }

  stop(): void {
    this.#metrics.stop()
  }
}

const NOBODY = { left: () => {} }
