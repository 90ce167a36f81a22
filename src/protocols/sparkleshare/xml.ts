/** The XML fragments of the original's later form: flat, without attributes, and never more than these. */

export interface Fields {
  readonly command?: string | undefined
  readonly repo?: string | undefined
  readonly readable?: string | undefined
}

/**
 * The first text of each of a packet's elements; an empty element has none.
 * @param text up to and including `</packet>`; of several `<packet>` the last counts
 * @throws Error where an entity is none of XML's own (XML 1.0, section 4.6)
 */
export function readFields(text: string): Fields {
  const packet = text.slice(text.lastIndexOf('<packet'))
  return {
    command: element(packet, 'command'),
    repo: element(packet, 'repo'),
    readable: element(packet, 'readable'),
  }
}

function element(packet: string, name: string): string | undefined {
  const tag = `<${name}>`
  const start = packet.indexOf(tag)
  if (start === -1) return undefined
  const from = start + tag.length
  const text = packet.slice(from, packet.indexOf('<', from))
  return text === '' ? undefined : unescape(text)
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
}

function unescape(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&([^;&]{0,10};?)/g, (_, reference: string) => {
    const match = /^(?:#x([0-9A-Fa-f]+)|#(\d+)|(\w+));$/.exec(reference)
    if (!match) throw new Error('not an entity')
    const [, hex, decimal, name = ''] = match
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    const char = Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined
    if (char === undefined) throw new Error('not an entity')
    return char
  })
}

/** Text as lxml writes it: in ASCII. What XML cannot hold (section 2.2) becomes U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/[^\t\n -~]/gu, (char) => `&#${allowed(char.codePointAt(0) as number)};`)
}

function allowed(code: number): number {
  const surrogate = code >= 0xd800 && code <= 0xdfff
  const control = code < 0x20 && code !== 0x0d
  return surrogate || control || code === 0xfffe || code === 0xffff ? 0xfffd : code
}
