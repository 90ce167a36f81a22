import { Type } from 'typebox'
import type { HttpRequest } from './exchange.ts'

/** The options that every location on the main port takes, named as in hbpush's fork. */
export const corsOptions = {
  allow_origin: Type.String({
    default: '',
    description:
      'Origins of web pages that may use this location: `*`, or origins such as https://app.example, separated by spaces. Empty: only pages of this server itself.',
    examples: ['*', 'https://app.example'],
  }),
  allow_credentials: Type.Boolean({
    default: false,
    description: 'Whether those pages may send cookies and credentials.',
  }),
}

/** Which pages of other origins may use a location. */
export class Cors {
  readonly origins: readonly string[]
  readonly #any: boolean
  readonly #credentials: boolean
  readonly #expose: string
  readonly #allowHeaders: string
  /** For the common cases the lines are made once. */
  readonly #anyLines: readonly string[]

  constructor(
    options: { readonly allow_origin: string; readonly allow_credentials: boolean },
    headers: { readonly allow: string; readonly expose: string },
  ) {
    this.origins = options.allow_origin.split(/[\s,]+/).filter((origin) => origin !== '')
    this.#any = this.origins.includes('*')
    this.#credentials = options.allow_credentials
    this.#expose = headers.expose
    this.#allowHeaders = headers.allow
    this.#anyLines = this.#linesFor('*')
  }

  get enabled(): boolean {
    return this.origins.length > 0
  }

  allows(origin: string): boolean {
    return this.#any || this.origins.includes(origin)
  }

  /** Header lines for an answer to this request. */
  lines(request: HttpRequest): readonly string[] {
    if (!this.enabled) return NONE
    // A browser takes no `*` for a request with credentials.
    if (this.#any && !this.#credentials) return this.#anyLines
    const origin = request.header('origin')
    if (origin === undefined || !this.allows(origin)) return VARY
    return [...this.#linesFor(origin), ...VARY]
  }

  /** Header lines for the answer to OPTIONS. */
  preflight(request: HttpRequest, methods: string): readonly string[] {
    const allow = `Allow: ${methods}`
    const lines = this.lines(request)
    if (lines.length === 0 || lines === VARY) return [allow, ...lines]
    return [
      allow,
      ...lines,
      `Access-Control-Allow-Methods: ${methods}`,
      `Access-Control-Allow-Headers: ${this.#allowHeaders}`,
      'Access-Control-Max-Age: 864000',
    ]
  }

  #linesFor(origin: string): readonly string[] {
    const lines = [
      `Access-Control-Allow-Origin: ${origin}`,
      `Access-Control-Expose-Headers: ${this.#expose}`,
    ]
    if (this.#credentials) lines.push('Access-Control-Allow-Credentials: true')
    return lines
  }
}

const NONE: readonly string[] = []
const VARY: readonly string[] = ['Vary: Origin']
