import { mayShowKey } from '../../access/credential.ts'
import type { Exchange } from '../../http/exchange.ts'
import { FanfareError } from '../../model/errors.ts'
import { TRACEPARENT } from '../../model/trace.ts'
import { apiText } from '../../services/api.ts'
import { openApi } from '../../services/openapi.ts'
import { arity, NotJson, type Values, valuesOfPath } from '../../services/run/args.ts'
import { type Caller, type Method, methodOf } from '../../services/run/caller.ts'
import { answer, answerHtml, answerJson, answerText, refuse } from './answers.ts'
import { valuesOfBody } from './body.ts'

/** What a path of the port is. */
type Found =
  | { readonly kind: 'document'; readonly html: boolean; readonly text: (caller: Caller) => string }
  | { readonly kind: 'method'; readonly method: Method; readonly segments: readonly string[] }

const NOBODY = { left: () => {} }

/**
 * The services' paths: `GET /service/method/arg/…` as socket-push answered it, `POST /service/method`,
 * and what describes them.
 */
export class Routes {
  readonly #caller: Caller
  readonly #failed: (error: unknown) => FanfareError

  /** @param failed hears of every failure, and says what of it may be shown */
  constructor(caller: Caller, failed: (error: unknown) => FanfareError) {
    this.#caller = caller
    this.#failed = failed
  }

  handle(exchange: Exchange): void {
    const found = find(exchange.path)
    switch (exchange.method) {
      case 'GET':
      case 'HEAD':
        if (found?.kind === 'document') {
          const { html, text } = found
          if (html) answerHtml(exchange, 200, text(this.#caller))
          else answerJson(exchange, 200, text(this.#caller))
        } else if (found && takesPath(found)) this.#get(exchange, found)
        else this.#cannot(exchange)
        return
      case 'POST':
        if (found?.kind === 'method' && found.segments.length === 0)
          this.#post(exchange, found.method)
        else refuse(exchange, this.#failed(new FanfareError('unknown_method')))
        return
      case 'OPTIONS': {
        const allowed = found ? allowedAt(found) : []
        if (allowed.length === 0) this.#cannot(exchange)
        else answer(exchange, 200, [`Allow: ${allowed.join(',')}`], allowed.join(','))
        return
      }
      default:
        this.#cannot(exchange)
    }
  }

  #get(exchange: Exchange, { method, segments }: Extract<Found, { kind: 'method' }>): void {
    this.#run(exchange, method, () => valuesOfPath(method.definition, segments), {
      ok: (body) => answerHtml(exchange, 200, body),
      failed: (error) => {
        if (error instanceof NotJson) answerText(exchange, 500, `SyntaxError: ${error.message}`)
        else answerHtml(exchange, 500, error.message)
      },
    })
  }

  #post(exchange: Exchange, method: Method): void {
    this.#run(exchange, method, () => valuesOfBody(method.definition, exchange), {
      ok: (body) => answerJson(exchange, 200, body),
      failed: (error) => refuse(exchange, error),
    })
  }

  #run(
    exchange: Exchange,
    method: Method,
    values: () => Values,
    then: { ok(body: string): void; failed(error: FanfareError): void },
  ): void {
    exchange.hold(NOBODY)
    const trace = exchange.header(TRACEPARENT)
    const called = async (): Promise<unknown> => this.#caller.run(method, inTrace(values(), trace))
    called().then(
      // Nothing is an empty body.
      (result) => then.ok(result === undefined ? '' : JSON.stringify(result)),
      (error: unknown) => then.failed(this.#failed(error)),
    )
  }

  /** As socket-push's framework said it. */
  #cannot(exchange: Exchange): void {
    this.#failed(new FanfareError('unknown_method'))
    const { method, path, query } = exchange
    // Not with a key that stands in it.
    const shown = query === '' || mayShowKey(query) ? '' : `?${query}`
    answerText(exchange, 404, `Cannot ${method} ${path}${shown}`)
  }
}

/** Messages among the arguments come with the context of their request. */
function inTrace(values: Values, trace: string | undefined): Values {
  if (trace === undefined) return values
  return values.map((value) =>
    typeof value === 'object' && value !== null && 'text' in value ? { ...value, trace } : value,
  )
}

function carriedApi(caller: Caller): string {
  return apiText((service) => caller.carries(service))
}

/** Names in whatever case, and one slash at the end, as the original took them. */
function find(path: string): Found | undefined {
  const [, service = '', name, ...segments] = path.replace(/(?<=.)\/$/, '').split('/')
  if (name === undefined) {
    switch (service.toLowerCase()) {
      case 'api':
        return { kind: 'document', html: true, text: carriedApi }
      case 'openapi.json':
        return { kind: 'document', html: false, text: openApi }
      default:
        return undefined
    }
  }
  const method = methodOf(service, name)
  return method && { kind: 'method', method, segments }
}

/** Whether these are arguments enough for a GET, and none of them is empty. */
function takesPath(found: Extract<Found, { kind: 'method' }>): boolean {
  const { least, most } = arity(found.method.definition)
  const { length } = found.segments
  return length >= least && length <= most && !found.segments.includes('')
}

function allowedAt(found: Found): string[] {
  if (found.kind === 'document') return ['GET']
  return [...(takesPath(found) ? ['GET'] : []), ...(found.segments.length === 0 ? ['POST'] : [])]
}
