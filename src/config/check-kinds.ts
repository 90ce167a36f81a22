import { describeShape } from './describe.ts'
import { PEER_FORMS, peerMistake, splitPeers } from './peers.ts'
import { type Problem, problemAt } from './problems.ts'
import type { Shape } from './shape.ts'
import type { Span } from './source.ts'
import { joinPath, type Node } from './tree.ts'
import { parseBytes, parseDuration } from './units.ts'

/** A duration in milliseconds or a size in bytes, and whether it is none or out of its bounds. */
export function amountMistake(
  shape: Shape,
  node: Node,
): { value: number | undefined; mistake: boolean } {
  const parse = shape['x-fanfare'] === 'bytes' ? parseBytes : parseDuration
  const written = node.kind === 'scalar' ? node.value : null
  const value =
    typeof written === 'string' || typeof written === 'number' ? parse(written) : undefined
  const least = shape.least === undefined ? 0 : (parse(shape.least) ?? 0)
  const most = shape.most === undefined ? Number.POSITIVE_INFINITY : (parse(shape.most) ?? 0)
  return { value, mistake: value === undefined || value < least || value > most }
}

/** The peers of a list, or of one text with several of them. Each wrong one is a problem of its own. */
export function resolvePeers(
  shape: Shape,
  node: Node,
  spot: { path: string; owner: Span },
  problems: Problem[],
): string[] {
  const peers: string[] = []
  const refuse = (at: Span, path: string, what: string, reason = ''): void => {
    const message = `expected ${PEER_FORMS}, found ${what}${reason === '' ? '' : `; ${reason}`}`
    problems.push(problemAt(at, path, message, { expected: PEER_FORMS, found: what }))
  }
  const add = (text: string, at: Span, path: string): void => {
    for (const part of splitPeers(text)) {
      const mistake = peerMistake(part)
      if (mistake === undefined) peers.push(part)
      else refuse(partOf(at, part), path, `\`${part}\``, mistake)
    }
  }
  if (node.kind === 'list') {
    for (const [i, item] of node.items.entries()) {
      const path = joinPath(spot.path, i)
      const at = item.at.source.kind === 'default' ? spot.owner : item.at
      if (item.kind === 'scalar' && typeof item.value === 'string') add(item.value, at, path)
      else refuse(at, path, item.kind === 'scalar' ? `\`${item.value}\`` : `a ${item.kind}`)
    }
  } else if (node.kind === 'scalar' && typeof node.value === 'string') {
    add(node.value, spot.owner, spot.path)
  } else if (node.kind === 'map' || node.value !== null) {
    const expected = describeShape(shape)
    problems.push(problemAt(spot.owner, spot.path, `expected ${expected}`, { expected }))
  } else {
    refuse(spot.owner, spot.path, 'nothing', 'write `[]` to trust nobody')
  }
  return peers
}

/** Where one of several peers in a text stands. */
function partOf(at: Span, part: string): Span {
  const index = at.source.text.slice(at.start, at.end).indexOf(part)
  const start = at.start + Math.max(0, index)
  return index === -1 ? at : { source: at.source, start, end: start + part.length }
}
