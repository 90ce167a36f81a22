/** What a node hears from each beat: how the whole cluster is. */
import type { NodeLoad } from '../services/control.ts'
import type { Reply } from '../stores/redis/link.ts'

/** What a node says of itself with each beat. */
export interface NodeInfo {
  /** Where clients reach it; empty while it only starts. */
  readonly url: string
  /** Its management port; port 0: none. */
  readonly hostname: string
  readonly port: number
  /** With which its management port is asked; undefined: an older version, which says nothing of it. */
  readonly scheme?: 'http' | 'https'
  /** What it carries at this moment. */
  readonly roles: readonly string[]
  readonly load: NodeLoad
  readonly version: string
  /** The version of the shared configuration that it has applied; 0: its own file's. */
  readonly configVersion: number
  readonly configError: string | null
  /** The last call to apply it again that it has answered. */
  readonly round: number
  /** The process, and the machine it runs on. */
  readonly pid: number
  readonly machine: string
}

export interface NodeView {
  readonly name: string
  readonly incarnation: string
  readonly up: boolean
  /** ms since 1970, by Redis's clock */
  readonly joined: number
  readonly seen: number
  readonly info: NodeInfo
  /** Roles that it does not carry, and waits for. */
  readonly spareFor: readonly string[]
}

/** One node's holding of one place. */
export interface Place {
  /** `role/node` that it was made for; `manager`. */
  readonly field: string
  /** The role; empty for `manager`. */
  readonly role: string
  readonly token: number
  readonly holder: string
  /** The holder's life; undefined: the holder is gone, and nobody has taken it. */
  readonly incarnation: string | undefined
}

export interface View {
  /** Redis's clock, ms since 1970 */
  readonly now: number
  /** This node's lease had run out before: others may have taken what it held. */
  readonly lapsed: boolean
  /** The newest version of the shared configuration; 0: none. */
  readonly version: number
  /** How often all were told to apply it. */
  readonly round: number
  /** Changes when this life's connections are taken back by another node, and when that is done. */
  readonly reaping: string
  readonly nodes: ReadonlyMap<string, NodeView>
  readonly places: readonly Place[]
  /** Whose connections this node is to take back. */
  readonly reap: readonly { readonly name: string; readonly incarnation: string }[]
}

/** Another process has this node's name. */
export interface Taken {
  readonly info: NodeInfo
  /** ms since it joined */
  readonly age: number
  /** ms since 1970 */
  readonly seen: number
}

/** The reply to a beat: a view, or why this node may not be part of it. */
export function viewOf(reply: Reply): View | { readonly taken: Taken } | 'full' {
  const [kind, ...rest] = reply as readonly Reply[]
  const text = (at: number): string => String(rest[at])
  if (String(kind) === 'full') return 'full'
  if (String(kind) === 'taken') {
    return { taken: { info: infoOf(text(0)), age: Number(text(1)), seen: Number(text(2)) } }
  }
  const nodes = rowsOf(rest[5], 7).map(
    ([name, incarnation, up, joined, seen, info, spares]): [string, NodeView] => [
      name as string,
      {
        name: name as string,
        incarnation: incarnation as string,
        up: up === '1',
        joined: Number(joined),
        seen: Number(seen),
        info: infoOf(info as string),
        spareFor: spares === '' ? [] : (spares as string).split(' '),
      },
    ],
  )
  return {
    now: Number(text(0)),
    lapsed: text(1) === '1',
    version: Number(text(2)),
    round: Number(text(3)),
    reaping: text(4),
    nodes: new Map(nodes),
    places: rowsOf(rest[6], 4).map(([field, token, holder, incarnation]) => ({
      field: field as string,
      role: (field as string).includes('/') ? ((field as string).split('/')[0] as string) : '',
      token: Number(token),
      holder: holder as string,
      incarnation: incarnation === '' ? undefined : incarnation,
    })),
    reap: rowsOf(rest[7], 2).map(([name, incarnation]) => ({
      name: name as string,
      incarnation: incarnation as string,
    })),
  }
}

/** The place that makes a node the manager; undefined while nobody holds it. */
export function managerOf(view: View): Place | undefined {
  const place = view.places.find(({ field }) => field === 'manager')
  return place?.incarnation === undefined ? undefined : place
}

function infoOf(text: string): NodeInfo {
  return JSON.parse(text) as NodeInfo
}

function rowsOf(reply: Reply | undefined, width: number): string[][] {
  const flat = (reply as readonly Reply[]).map(String)
  const rows: string[][] = []
  for (let at = 0; at < flat.length; at += width) rows.push(flat.slice(at, at + width))
  return rows
}
