import pc from 'picocolors'
import type { DoorTraffic, SlowSubscriber, Snapshot } from '../protocols/management/console/data.ts'
import type { NodeStatus } from '../services/control.ts'
import { printable } from './printable.ts'

export interface TopFrame {
  /** Where it was asked, without a key. */
  readonly where: string
  readonly snapshot: Snapshot
  /** By name; empty where it is not known. */
  readonly nodes: Readonly<Record<string, NodeStatus>>
}

export interface TopSize {
  readonly columns: number
  /** Undefined: as many as there are. */
  readonly rows?: number | undefined
  readonly color: boolean
}

const LEAST_COLUMNS = 40

/** How a server is, as lines that fit. */
export function topLines({ where, snapshot, nodes }: TopFrame, size: TopSize): string[] {
  const colors = pc.createColors(size.color)
  const width = Math.max(LEAST_COLUMNS, size.columns)
  const bar = (text: string): string => colors.inverse(fit(text, width))
  const lines = [...summary(where, snapshot, nodes, width), '']
  lines.push(bar(doorRow(DOOR_HEADS)), ...doorsOf(snapshot).map((door) => fit(door, width)))
  if (snapshot.slow.length > 0) {
    lines.push(
      '',
      bar(slowRow(SLOW_HEADS)),
      ...slowest(snapshot.slow).map((row) => fit(row, width)),
    )
  }
  const known = Object.entries(nodes)
  if (known.length > 1) {
    lines.push('', bar(nodeRow(NODE_HEADS)), ...known.map((node) => fit(nodeLine(node), width)))
  }
  return size.rows === undefined ? lines : lines.slice(0, size.rows)
}

function summary(
  where: string,
  snapshot: Snapshot,
  nodes: TopFrame['nodes'],
  width: number,
): string[] {
  const { doors, delay, rss, errors, uptime } = snapshot
  const sum = (of: (door: DoorTraffic) => number): number =>
    doors.reduce((total, door) => total + of(door), 0)
  const [version = ''] = Object.values(nodes).map((node) => node.version)
  const time = new Date(snapshot.time).toTimeString().slice(0, 8)
  const title = `fanfare ${version}`.trim()
  return [
    spread(`${title}  ${printable(where)}  up ${duration(uptime)}`, time, width),
    fit(
      `connections ${count(snapshot.connections)}   published ${rate(snapshot.publishes)}/s   ` +
        `delivered ${rate(snapshot.deliveries)}/s   out ${bytes(sum((door) => door.byteRate))}/s`,
      width,
    ),
    fit(
      `event loop p99 ${delay.p99.toFixed(1)} ms   memory ${bytes(rss)}   ` +
        `behind ${count(sum((door) => door.behind))}   gaps ${count(sum((door) => door.gaps))}   ` +
        `errors ${count(errors)}`,
      width,
    ),
  ]
}

type Row = readonly string[]

const DOOR_HEADS: Row = ['DOOR', 'CONN', 'SUBS', 'PUB/S', 'DELIV/S', 'BYTES/S', 'BEHIND', 'GAPS']
const SLOW_HEADS: Row = ['SLOWEST', 'UNSENT', 'HAS UP TO', 'FOLLOWS']
const NODE_HEADS: Row = ['NODE', 'STATE', 'CONN', 'PUB/S', 'DELIV/S', 'CPU', 'MEMORY', '']

/** Left-aligned where the width is negative. */
function columns(widths: readonly number[], row: Row): string {
  return row
    .map((text, at) => {
      const width = widths[at] ?? 0
      return width < 0 ? text.slice(0, -width).padEnd(-width) : text.padStart(width)
    })
    .join(' ')
}

const doorRow = (row: Row): string => columns([-13, 7, 7, 8, 9, 11, 8, 8], row)
const slowRow = (row: Row): string => columns([-13, 11, -19, -34], row)
const nodeRow = (row: Row): string => columns([-18, -6, 7, 8, 9, 6, 10, -8], row)

function weight({ deliveryRate, publishRate, connections }: DoorTraffic): number {
  return deliveryRate + publishRate + connections / 1e6
}

/** Those with something going on come first. */
function doorsOf({ doors }: Snapshot): string[] {
  return [...doors]
    .sort((one, other) => weight(other) - weight(one))
    .map((door) =>
      doorRow([
        printable(door.name),
        count(door.connections),
        count(door.followers),
        rate(door.publishRate),
        rate(door.deliveryRate),
        bytes(door.byteRate),
        count(door.behind),
        count(door.gaps),
      ]),
    )
}

function slowest(slow: readonly SlowSubscriber[]): string[] {
  return [...slow]
    .sort((one, other) => other.unsent - one.unsent)
    .map(({ door, unsent, position, channels }) =>
      slowRow([door, bytes(unsent), position, channels.map(printable).join(', ')]),
    )
}

function nodeLine([name, { state, load, isManager }]: readonly [string, NodeStatus]): string {
  return nodeRow([
    printable(name),
    state.up ? 'up' : 'down',
    count(load.connections),
    rate(load.published),
    rate(load.delivered),
    `${Math.round(load.cpu * 100)} %`,
    bytes(load.memory),
    isManager ? 'manager' : '',
  ])
}

function fit(text: string, width: number): string {
  const line = text.replace(/[\n\t]/g, ' ')
  return line.length > width ? `${line.slice(0, width - 1)}…` : line.padEnd(width).trimEnd()
}

function spread(left: string, right: string, width: number): string {
  const room = width - right.length - 1
  return `${fit(left, room).padEnd(room)} ${right}`
}

function count(value: number): string {
  return value < 1e5 ? String(value) : rate(value)
}

function rate(value: number): string {
  if (value < 10 && value % 1 !== 0) return value.toFixed(1)
  if (value < 1e4) return String(Math.round(value))
  return value < 1e6 ? `${(value / 1e3).toFixed(1)}k` : `${(value / 1e6).toFixed(1)}M`
}

function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  let shown = value
  let unit = 0
  while (shown >= 1024 && unit < units.length - 1) {
    shown /= 1024
    unit++
  }
  return `${unit === 0 ? Math.round(shown) : shown.toFixed(1)} ${units[unit]}`
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m${seconds % 60}s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours}h${minutes % 60}m` : `${Math.floor(hours / 24)}d${hours % 24}h`
}
