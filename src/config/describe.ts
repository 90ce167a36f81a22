import { choices } from './nearest.ts'
import { PEER_FORMS } from './peers.ts'
import { literalsOf, type Shape } from './shape.ts'
import type { Node } from './tree.ts'
import { formatBytes, formatDuration, parseBytes, parseDuration } from './units.ts'

/** What a schema takes, in words that fit after "expected". */
export function describeShape(shape: Shape): string {
  const kind = shape['x-fanfare']
  if (kind === 'duration') {
    return `a duration${amounts(shape, durationText)}: seconds as a number, or text such as \`90s\`, \`15m\`, \`48h\`, \`7d\``
  }
  if (kind === 'bytes') {
    return `a size${amounts(shape, bytesText)}: bytes as a number, or text such as \`64KiB\`, \`8MiB\``
  }
  if (kind === 'peers') return `a list of peers: ${PEER_FORMS}`
  if (kind === 'door') return '`false` (off) or a map of options'
  return describePlain(shape)
}

function describePlain(shape: Shape): string {
  const literals = literalsOf(shape)
  if (literals) return choices(literals.map(String))
  if (shape.anyOf) return shape.anyOf.map(describeShape).join(' or ')
  if (shape.type === 'integer') return `a whole number${range(shape)}`
  if (shape.type === 'number') return `a number${range(shape)}`
  if (shape.type === 'string') return describeText(shape)
  if (shape.type === 'boolean') return '`true` or `false`'
  if (shape.type === 'null') return 'nothing'
  if (shape.type === 'array') {
    return shape.items ? `a list (each: ${describeShape(shape.items)})` : 'a list'
  }
  if (shape.type !== 'object') return 'another value'
  const keys = Object.keys(shape.properties ?? {})
  return keys.length > 0 && keys.length <= 8 ? `a map with ${choices(keys, 'and')}` : 'a map'
}

function describeText(shape: Shape): string {
  if (shape.pattern !== undefined) return `text of the form ${shape.pattern}`
  if (shape.maxLength !== undefined) return `text of at most ${shape.maxLength} characters`
  const { minLength = 0 } = shape
  if (minLength > 1) return `text of at least ${minLength} characters`
  if (minLength > 0) return 'text that is not empty'
  return 'text'
}

function range({ minimum, maximum }: Shape): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`
  if (minimum !== undefined) return ` of at least ${minimum}`
  if (maximum !== undefined) return ` of at most ${maximum}`
  return ''
}

function amounts(shape: Shape, text: (value: string | number) => string): string {
  const parts = []
  if (shape.least === 1) parts.push('above 0')
  else if (shape.least !== undefined) parts.push(`of at least ${text(shape.least)}`)
  if (shape.most !== undefined) parts.push(`of at most ${text(shape.most)}`)
  return parts.length === 0 ? '' : ` ${parts.join(' and ')}`
}

function durationText(value: string | number): string {
  const time = parseDuration(value) ?? 0
  // A timer's longest time is an odd number of milliseconds; days say it well enough.
  return time > 86_400_000 * 10 ? `${Math.floor(time / 86_400_000)} days` : formatDuration(time)
}

function bytesText(value: string | number): string {
  return formatBytes(parseBytes(value) ?? 0)
}

/** What was written, in words that fit after "found". */
export function describeNode(node: Node): string {
  if (node.kind !== 'scalar') return node.kind === 'list' ? 'a list' : 'a map'
  const { value } = node
  if (value === null) return 'nothing'
  if (typeof value === 'number') return `the number ${value}`
  if (typeof value === 'boolean') return `\`${value}\``
  if (value === '') return 'empty text'
  return `the text \`${value.length > 60 ? `${value.slice(0, 60)}…` : value}\``
}
