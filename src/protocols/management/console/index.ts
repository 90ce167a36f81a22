/** The console: its page, and the data that it shows. See docs/console.md. */
import { readSince } from '../../../http/following.ts'
import { sendAsset, sendPage } from '../../../http/assets.ts'
import type { Exchange } from '../../../http/exchange.ts'
import { parseQuery } from '../../../http/query.ts'
import { reply } from '../../../http/reply.ts'
import type { Hub } from '../../../hub/hub.ts'
import { bytesToText } from '../../../model/channel.ts'
import { asFanfareError, FanfareError } from '../../../model/errors.ts'
import { attempt, type MaybePromise } from '../../../model/maybe.ts'
import { Selectors } from '../../../model/selector.ts'
import type { DoorContext } from '../../door.ts'
import { refuse } from '../answers.ts'
import { ChannelTable } from './channels.ts'
import type { ChannelSort } from './data.ts'
import { MOST_REPLAYED, Watch } from './messages.ts'
import { Overview } from './overview.ts'
import { listUsers, viewUser } from './people.ts'
import { ConsoleStream, Ticker } from './stream.ts'

const DATA = '/console/'
/** The page itself, in which there is nothing of what the server knows: it needs no key. */
const ASSETS = '/assets/'

/** Rows of one answer. */
const MOST_ROWS = 200
/** Pages' streams at once. */
const MOST_STREAMS = 64
const TICK = 1_000

const SORTS: readonly string[] = [
  'name',
  'messages',
  'rate',
  'bytes',
  'subscribers',
] satisfies ChannelSort[]

type Query = ReadonlyMap<string, readonly string[]>

export class ConsoleRoutes {
  readonly #context: DoorContext
  readonly #ticker: Ticker
  readonly #overview: Overview
  readonly #channels = new ChannelTable()
  #streams = 0

  constructor(context: DoorContext) {
    this.#context = context
    this.#ticker = new Ticker(TICK, (error) => context.onError(error))
    this.#overview = new Overview(context, this.#ticker)
  }

  /** Answers a request, or leaves it (false). */
  handle(exchange: Exchange): boolean {
    const { path, method } = exchange
    const ours = path === '/' || path.startsWith(ASSETS) || path.startsWith(DATA)
    if (!ours || method !== 'GET') return false
    if (path === '/') sendPage(exchange, 'console')
    else if (path.startsWith(ASSETS)) {
      if (!sendAsset(exchange, path.slice(ASSETS.length))) this.#fail(exchange, unknownPath())
    } else this.#data(exchange, path.slice(DATA.length))
    return true
  }

  #data(exchange: Exchange, what: string): void {
    try {
      const query = parseQuery(exchange.query)
      if (!query) throw new FanfareError('bad_request', 'The query has a malformed percent-escape.')
      switch (what) {
        case 'overview':
          this.#watchAll(exchange)
          return
        case 'messages':
          this.#watch(exchange, query)
          return
        case 'channels':
          this.#answer(exchange, this.#listChannels(query))
          return
        case 'users':
          this.#answer(
            exchange,
            listUsers(this.#context.users, text(query, 'search'), pageOf(query)),
          )
          return
        case 'user':
          this.#answer(exchange, viewUser(this.#context.users, text(query, 'id')))
          return
        case 'stores':
          this.#answer(exchange, Object.keys(this.#context.config.stores))
          return
        default:
          throw unknownPath()
      }
    } catch (error) {
      this.#fail(exchange, error)
    }
  }

  #listChannels(query: Query): Promise<unknown> {
    const { store, hub } = this.#store(query)
    const sort = text(query, 'sort') || 'name'
    if (!SORTS.includes(sort)) {
      throw new FanfareError('bad_request', `sort= is one of ${SORTS.join(', ')}.`)
    }
    return this.#channels.list(store, hub, {
      ...pageOf(query),
      search: text(query, 'search'),
      sort: sort as ChannelSort,
      descending: text(query, 'order') === 'desc',
    })
  }

  #watchAll(exchange: Exchange): void {
    const stream = this.#stream(exchange, () => this.#overview.leave(stream))
    this.#overview.join(stream)
  }

  #watch(exchange: Exchange, query: Query): void {
    const { hub } = this.#store(query)
    const selectors = Selectors.parse(query.get('channel')?.at(-1) ?? '')
    if (!selectors) throw new FanfareError('bad_channel', 'channel= names a channel or a subtree.')
    const since = readSince(query.get('since')?.at(-1), hub.partitions)
    const last = numberOf(query, 'last', MOST_REPLAYED)
    const end: { tick?: () => void } = {}
    const stream = this.#stream(exchange, () => end.tick?.())
    const watch = new Watch(hub, selectors, stream)
    const failed = (error: unknown): void => {
      this.#context.onError(error)
      stream.connection.end()
    }
    end.tick = this.#ticker.add(() => void watch.tick().catch(failed))
    watch.start(since, last).catch(failed)
  }

  /** @throws FanfareError `too_many` */
  #stream(exchange: Exchange, closed: () => void): ConsoleStream {
    if (this.#streams >= MOST_STREAMS) {
      throw new FanfareError('too_many', `At most ${MOST_STREAMS} streams of pages at once.`)
    }
    this.#streams++
    return new ConsoleStream(exchange, this.#context, () => {
      this.#streams--
      closed()
    })
  }

  #store(query: Query): { store: string; hub: Hub } {
    const stores = Object.keys(this.#context.config.stores)
    const store = text(query, 'store') || (stores[0] ?? '')
    if (!stores.includes(store)) {
      throw new FanfareError('bad_request', `store= is one of ${stores.join(', ')}.`)
    }
    return { store, hub: this.#context.hub(store) }
  }

  #answer(exchange: Exchange, value: MaybePromise<unknown>): void {
    let gone = false
    exchange.hold({ left: () => (gone = true) })
    attempt(
      () => value,
      (found) => {
        if (gone) return
        const lines = ['Content-Type: application/json', 'Cache-Control: no-store']
        exchange.send(reply(200, lines, JSON.stringify(found), exchange.closes))
      },
      (error) => {
        if (!gone) this.#fail(exchange, error)
      },
    )
  }

  #fail(exchange: Exchange, error: unknown): void {
    if (!(error instanceof FanfareError)) this.#context.onError(error)
    refuse(exchange, asFanfareError(error))
  }
}

function text(query: Query, name: string): string {
  return bytesToText(query.get(name)?.at(-1) ?? '').slice(0, 512)
}

function pageOf(query: Query): { offset: number; limit: number } {
  const offset = numberOf(query, 'offset', Number.MAX_SAFE_INTEGER)
  return { offset, limit: Math.min(numberOf(query, 'limit', MOST_ROWS) || MOST_ROWS, MOST_ROWS) }
}

/** @throws FanfareError `bad_request` */
function numberOf(query: Query, name: string, most: number): number {
  const value = query.get(name)?.at(-1) ?? '0'
  if (!/^\d{1,10}$/.test(value) || Number(value) > most) {
    throw new FanfareError('bad_request', `${name}= is a number from 0 to ${most}.`)
  }
  return Number(value)
}

function unknownPath(): FanfareError {
  return new FanfareError('unknown_location', 'The console has nothing at this path.')
}
