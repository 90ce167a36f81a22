import { percentDecode } from '../model/channel.ts'

/**
 * Query parameters as bytes, one character a byte, in the order given. `+` is a space, as forms
 * write it. Undefined when a `%` is malformed.
 */
export function parseQuery(query: string): Map<string, string[]> | undefined {
  const found = new Map<string, string[]>()
  if (query === '') return found
  for (const part of query.split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decode(equals === -1 ? part : part.slice(0, equals))
    const value = decode(equals === -1 ? '' : part.slice(equals + 1))
    if (name === undefined || value === undefined) return undefined
    const list = found.get(name)
    if (list) list.push(value)
    else found.set(name, [value])
  }
  return found
}

function decode(text: string): string | undefined {
  return percentDecode(text.includes('+') ? text.replaceAll('+', ' ') : text)
}
