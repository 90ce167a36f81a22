import { hidden, isSecretKey } from '../services/run/redact.ts'

const HIDDEN = '***'

/** Shorter ones would be found in words that have nothing to do with them. */
const SHORTEST = 4

/** What looks like a secret wherever it stands. */
const PATTERNS: readonly (readonly [pattern: RegExp, shown: string])[] = [
  // Who logs in, and with what, in a URL.
  [/\b(?<scheme>[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#@"'<>]*@/gi, `$<scheme>${HIDDEN}@`],
  [/\b(?<scheme>bearer|basic|digest)\s+[A-Za-z0-9+/=_~.-]{4,}/gi, `$<scheme> ${HIDDEN}`],
  // A JSON Web Token.
  [/\beyJ[\w-]{4,4000}\.[\w-]+\.[\w-]*/g, HIDDEN],
  [
    /\b(?<name>[\w-]{0,40}(?:password|passwd|passphrase|secret|token|signature(?:-\d+)?|authorization|api[_-]?key|session_?id)|key|jwt)(?<is>["']?\s*[=:]\s*["']?)[^\s"'&;,]{3,}/gi,
    `$<name>$<is>${HIDDEN}`,
  ],
]

/** Takes out of what is told whatever logs somebody in or signs something. */
export class Redactor {
  readonly #secrets: readonly string[]

  /** @param config whose secrets are known, and appear nowhere */
  constructor(config: unknown) {
    const found = new Set<string>()
    collect(config, false, found)
    // Of two, one may be a part of the other.
    this.#secrets = [...found].sort((one, other) => other.length - one.length)
  }

  text(text: string): string {
    let shown = text
    for (const secret of this.#secrets) shown = shown.replaceAll(secret, HIDDEN)
    for (const [pattern, by] of PATTERNS) shown = shown.replace(pattern, by)
    return shown
  }

  /** A value of a field: texts, lists and objects of them. */
  value(value: unknown): unknown {
    return this.#texts(hidden(value))
  }

  #texts(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value)
    if (Array.isArray(value)) return value.map((inner) => this.#texts(inner))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, this.#texts(inner)]),
    )
  }
}

/** @param secret whether it stands under a key that says so */
function collect(value: unknown, secret: boolean, found: Set<string>): void {
  if (typeof value === 'string') {
    if (secret && value.length >= SHORTEST) found.add(value)
    for (const part of loginIn(value)) if (part.length >= SHORTEST) found.add(part)
  } else if (Array.isArray(value)) for (const inner of value) collect(inner, secret, found)
  else if (typeof value === 'object' && value !== null && !(value instanceof RegExp)) {
    for (const [key, inner] of Object.entries(value)) {
      collect(inner, secret || isSecretKey(key), found)
    }
  }
}

/** The password in a URL, as it stands there and as it is meant. */
function loginIn(text: string): readonly string[] {
  const password = /^[a-z][a-z0-9+.-]*:\/\/[^:/?#@]*:(?<password>[^/?#@]+)@/i.exec(text)?.groups?.[
    'password'
  ]
  if (password === undefined) return []
  try {
    return [password, decodeURIComponent(password)]
  } catch {
    return [password]
  }
}
