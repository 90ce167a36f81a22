import type { ResolvedConfig } from '../../config/types.ts'

/** Keys whose values log somebody in or sign something. */
const SECRET = /^(?:key|.*(?:secret|password|passphrase|token|private_?key))$/i

/** Who logs in, and with what, in a URL. */
const LOGIN = /(?<scheme>^[a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i

const HIDDEN = '***'

/** Whether what stands under this key of the configuration is shown to nobody. */
export function isSecretKey(key: string): boolean {
  return SECRET.test(key)
}

/** The configuration as JSON: durations in ms, sizes in bytes, secrets as `***`. */
export function shownConfig(config: ResolvedConfig): Record<string, unknown> {
  const { doors, locations, ...core } = config
  return {
    ...(hidden(core) as Record<string, unknown>),
    locations: locations.map(({ type, store, prefix, url, options }) =>
      Object.assign(
        { type, store },
        prefix === undefined ? undefined : { prefix },
        url === undefined ? undefined : { url },
        hidden(options),
      ),
    ),
    ...(hidden(doors) as Record<string, unknown>),
  }
}

/** A part of a configuration without its secrets. */
export function hidden(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hidden)
  if (typeof value === 'string') return value.replace(LOGIN, `$<scheme>${HIDDEN}@`)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      isSecretKey(key) && inner !== undefined ? HIDDEN : hidden(inner),
    ]),
  )
}
