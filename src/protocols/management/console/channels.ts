import { setImmediate } from 'node:timers/promises'
import type { Hub } from '../../../hub/hub.ts'
import { bytesToText, type ChannelName, channelPath } from '../../../model/channel.ts'
import type { ChannelStat } from '../../../stores/store.ts'
import { CONSOLE } from './overview.ts'
import type { ChannelList, ChannelRow, ChannelSort } from './data.ts'

/** Channels that are counted and sorted; of more, a search still finds any. */
const MOST_ROWS = 20_000
/** Channels that are looked at before everybody else has a turn. */
const SLICE = 1_000
/** Channels that a store is asked about at once: over a network, one by one takes too long. */
const AT_ONCE = 100
/** How old what is shown may be, in ms. */
const MOST_AGE = 900
/** What nobody has asked for this long is forgotten, in ms. */
const MOST_IDLE = 10_000
/** Searches of which rows are kept. */
const MOST_SAMPLES = 8
/** Orders of one sample that are kept. */
const MOST_VIEWS = 8

export interface ChannelQuery {
  readonly search: string
  readonly sort: ChannelSort
  readonly descending: boolean
  readonly offset: number
  readonly limit: number
}

interface Row {
  readonly channel: ChannelName
  readonly name: string
  messages: number
  bytes: number
  appended: number
  rate: number | null
  subscribers: number
}

/** The channels of a hub that some search finds, as they were a second ago at most. */
class Sample {
  readonly #hub: Hub
  readonly #search: string
  #rows = new Map<ChannelName, Row>()
  #taken = Number.NEGATIVE_INFINITY
  #taking: Promise<void> | undefined
  #views = new Map<string, Row[]>()
  known = 0
  cut = false
  asked = 0

  /** @param search in lower case; '' = all */
  constructor(hub: Hub, search: string) {
    this.#hub = hub
    this.#search = search
  }

  async fresh(): Promise<void> {
    this.asked = performance.now()
    if (this.asked - this.#taken < MOST_AGE) return
    this.#taking ??= this.#take().finally(() => {
      this.#taking = undefined
    })
    await this.#taking
  }

  async #take(): Promise<void> {
    const now = performance.now()
    const seconds = (now - this.#taken) / 1000
    const rows = new Map<ChannelName, Row>()
    this.cut = false
    let cursor = 0
    do {
      const page = await this.#hub.channels(cursor, SLICE)
      const found = page.names.filter((channel) => this.#isFound(channel))
      this.cut ||= rows.size + found.length > MOST_ROWS
      const asked = found.slice(0, MOST_ROWS - rows.size)
      for (let at = 0; at < asked.length; at += AT_ONCE) {
        const some = asked.slice(at, at + AT_ONCE)
        const stats = await Promise.all(some.map(async (channel) => this.#hub.stat(channel)))
        for (const [index, channel] of some.entries()) {
          const stat = stats[index]
          if (stat) rows.set(channel, this.#rowOf(channel, stat, seconds))
        }
      }
      cursor = page.cursor
      this.known = page.total
      await setImmediate()
    } while (cursor !== 0 && !this.cut)
    this.#rows = rows
    this.#views = new Map()
    this.#taken = now
  }

  #isFound(channel: ChannelName): boolean {
    if (this.#search === '') return true
    return this.#nameOf(channel).toLowerCase().includes(this.#search)
  }

  #nameOf(channel: ChannelName): string {
    return this.#rows.get(channel)?.name ?? bytesToText(channel)
  }

  /** @param seconds since the sample before */
  #rowOf(channel: ChannelName, stat: ChannelStat, seconds: number): Row {
    const { messages, bytes, appended } = stat
    const known = this.#rows.get(channel)
    const since = known && appended - known.appended
    const rate = since === undefined || since < 0 ? null : since / seconds
    const subscribers = this.#hub.receivers(channel)
    const name = this.#nameOf(channel)
    return { channel, name, messages, bytes, appended, rate, subscribers }
  }

  /** @param search beyond the sample's own */
  view(search: string, sort: ChannelSort, descending: boolean): readonly Row[] {
    const key = `${sort} ${descending} ${search}`
    let view = this.#views.get(key)
    if (!view) {
      view = [...this.#rows.values()]
      if (search !== '') view = view.filter(({ name }) => name.toLowerCase().includes(search))
      const sign = descending ? -1 : 1
      view.sort((a, b) => sign * compare(a, b, sort) || (a.channel < b.channel ? -1 : 1))
      if (this.#views.size >= MOST_VIEWS) this.#views.clear()
      this.#views.set(key, view)
    }
    return view
  }
}

function compare(a: Row, b: Row, sort: ChannelSort): number {
  if (sort === 'name') return a.channel < b.channel ? -1 : 1
  return (a[sort] ?? 0) - (b[sort] ?? 0)
}

/** The list of channels, of which a page shows what is in sight. */
export class ChannelTable {
  readonly #samples = new Map<string, Sample>()

  /** @param store the hub's name */
  async list(store: string, hub: Hub, query: ChannelQuery): Promise<ChannelList> {
    const search = query.search.toLowerCase()
    let sample = this.#sample(store, hub, '')
    await sample.fresh()
    // Among those that are counted it is found there; else by going through all names.
    const all = !sample.cut
    if (!all && search !== '') {
      sample = this.#sample(store, hub, search)
      await sample.fresh()
    }
    const rows = sample.view(all ? search : '', query.sort, query.descending)
    const { known, cut } = sample
    const offset = Math.min(query.offset, rows.length)
    const shown = rows.slice(offset, offset + query.limit)
    return { total: rows.length, known, cut, offset, rows: shown.map((row) => rowOf(hub, row)) }
  }

  #sample(store: string, hub: Hub, search: string): Sample {
    const now = performance.now()
    for (const [key, { asked }] of this.#samples) {
      if (now - asked > MOST_IDLE) this.#samples.delete(key)
    }
    const key = `${store}\n${search}`
    let sample = this.#samples.get(key)
    if (!sample) {
      sample = new Sample(hub, search)
      const [oldest] = this.#samples.keys()
      if (this.#samples.size >= MOST_SAMPLES && oldest !== undefined) this.#samples.delete(oldest)
      sample.asked = now
      this.#samples.set(key, sample)
    }
    return sample
  }
}

function rowOf(hub: Hub, row: Row): ChannelRow {
  const { channel, name, messages, bytes, rate } = row
  const doors = doorsOf(hub, channel)
  const subscribers = Object.values(doors).reduce((sum, count) => sum + count, 0)
  return { id: channelPath(channel), name, messages, bytes, rate, subscribers, doors }
}

/** Who follows a channel, by door; not the console itself. */
export function doorsOf(hub: Hub, channel: ChannelName): Record<string, number> {
  const doors = hub.receiversByDoor(channel)
  doors.delete(CONSOLE)
  return Object.fromEntries(doors)
}
