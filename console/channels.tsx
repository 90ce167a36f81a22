/** All channels of a store: of however many, only what is in sight is asked for and drawn. */
import { signal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type {
  ChannelList,
  ChannelRow,
  ChannelSort,
} from '../src/protocols/management/console/data.ts'
import { get, wordsOf } from './api.ts'
import { bytes, count, counted, rate } from './format.ts'
import { linkTo } from './state.ts'

/** Rows of one request. */
const PAGE = 100
/** Pages that are kept beside those in sight. */
const KEPT = 4
const REFRESH = 1_000
/** How long scrolling has to rest before what came in sight is asked for, in ms. */
const REST = 50
/** Rows that are drawn above and below what is in sight. */
const SPARE = 8

const COLUMNS: readonly { readonly sort: ChannelSort; readonly title: string }[] = [
  { sort: 'name', title: 'Channel' },
  { sort: 'messages', title: 'Messages' },
  { sort: 'rate', title: 'Rate/s' },
  { sort: 'bytes', title: 'Bytes' },
  { sort: 'subscribers', title: 'Subscribers' },
]

/** Kept while one looks at a channel and comes back. */
const search = signal('')
const sort = signal<ChannelSort>('name')
const descending = signal(false)
export const store = signal('')
const stores = signal<readonly string[]>([])

interface Loaded {
  readonly total: number
  readonly known: number
  readonly cut: boolean
  readonly pages: ReadonlyMap<number, readonly ChannelRow[]>
}

const NOTHING: Loaded = { total: 0, known: 0, cut: false, pages: new Map() }

export function Channels() {
  const loaded = useSignal<Loaded | undefined>(undefined)
  const failure = useSignal('')
  const query = JSON.stringify([store.value, search.value, sort.value, descending.value])
  useEffect(() => {
    get<readonly string[]>('/console/stores').then(
      (names) => {
        stores.value = names
        store.value ||= names[0] ?? ''
      },
      (error: unknown) => {
        failure.value = wordsOf(error)
      },
    )
  }, [])
  const { total, known, cut } = loaded.value ?? NOTHING
  return (
    <>
      <div class="bar">
        <h1>Channels</h1>
        <label class="search">
          <span class="hidden">Search channels by a part of the name</span>
          <input
            type="search"
            placeholder="Part of a name"
            value={search.value}
            onInput={(event) => {
              search.value = event.currentTarget.value
            }}
          />
        </label>
        {stores.value.length > 1 && (
          <label>
            Store{' '}
            <select
              value={store.value}
              onChange={(event) => {
                store.value = event.currentTarget.value
              }}
            >
              {stores.value.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
        <p class="note" role="status">
          {failure.value !== '' && `Error: ${failure.value}`}
          {loaded.value && failure.value === '' && (
            <>
              {search.value === '' ? '' : `${count(total)} of `}
              {counted(search.value === '' ? total : known, 'channel')}
              {cut &&
                ` · of ${count(known)}, the first ${count(total)} are counted: search for more`}
            </>
          )}
        </p>
        <SubtreeForm />
      </div>
      <List query={query} loaded={loaded} failure={failure} />
    </>
  )
}

function openNamed(event: SubmitEvent): void {
  event.preventDefault()
  const name = new FormData(event.currentTarget as HTMLFormElement).get('name')
  if (typeof name !== 'string' || name === '') return
  location.hash = linkTo('channels', ...(name === '/' ? [''] : name.split('/')))
}

/** Opens a channel by its name, or a subtree. */
function SubtreeForm() {
  return (
    <form class="open" onSubmit={openNamed}>
      <label>
        <span class="hidden">
          Open a channel by its name, or a subtree: a name that ends in a slash
        </span>
        <input name="name" placeholder="name, or subtree/" required />
      </label>
      <button type="submit" class="quiet">
        Watch
      </button>
    </form>
  )
}

interface ListProps {
  readonly query: string
  readonly loaded: { value: Loaded | undefined }
  readonly failure: { value: string }
}

function List({ query, loaded, failure }: ListProps) {
  const holder = useRef<HTMLDivElement>(null)
  const top = useSignal(0)
  const height = useSignal(600)
  const row = useSignal(36)
  const active = useSignal(-1)

  useEffect(() => {
    const element = holder.current
    if (!element) return undefined
    const measure = (): void => {
      height.value = element.clientHeight
      row.value = Number.parseFloat(getComputedStyle(element).getPropertyValue('--row')) || 36
    }
    measure()
    const resized = new ResizeObserver(measure)
    resized.observe(element)
    return () => resized.disconnect()
  }, [])

  useEffect(() => {
    const end = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let rest: ReturnType<typeof setTimeout> | undefined
    loaded.value = undefined
    active.value = -1
    top.value = 0
    holder.current?.scrollTo(0, 0)
    const wanted = (): number[] => {
      const first = Math.max(0, Math.floor((top.value / row.value - SPARE) / PAGE))
      const last = Math.floor(((top.value + height.value) / row.value + SPARE) / PAGE)
      return Array.from({ length: last - first + 1 }, (_, index) => first + index)
    }
    const load = async (): Promise<void> => {
      clearTimeout(timer)
      try {
        const numbers = wanted().filter(
          (number) => number === 0 || number * PAGE < (loaded.value?.total ?? 0),
        )
        const lists = await Promise.all(
          numbers.map((number) => get<ChannelList>(pathOf(number * PAGE), end.signal)),
        )
        const [list] = lists
        if (end.signal.aborted || !list) return
        const fresh = new Map(numbers.map((number, index) => [number, lists[index]?.rows ?? []]))
        loaded.value = { ...list, pages: withOthers(fresh, loaded.value?.pages) }
        failure.value = ''
      } catch (error) {
        if (!end.signal.aborted) failure.value = wordsOf(error)
      }
      if (!end.signal.aborted) timer = setTimeout(() => void load(), REFRESH)
    }
    const scrolled = (): void => {
      top.value = holder.current?.scrollTop ?? 0
      clearTimeout(rest)
      if (wanted().some((number) => !loaded.value?.pages.has(number))) {
        rest = setTimeout(() => void load(), REST)
      }
    }
    const element = holder.current
    element?.addEventListener('scroll', scrolled, { passive: true })
    void load()
    return () => {
      end.abort()
      clearTimeout(timer)
      clearTimeout(rest)
      element?.removeEventListener('scroll', scrolled)
    }
  }, [query])

  const { total, known, pages } = loaded.value ?? NOTHING
  const first = Math.max(0, Math.floor(top.value / row.value) - SPARE)
  const last = Math.min(total, Math.ceil((top.value + height.value) / row.value) + SPARE)
  const rowAt = (index: number): ChannelRow | undefined =>
    pages.get(Math.floor(index / PAGE))?.[index % PAGE]

  const move = (event: KeyboardEvent): void => {
    const element = holder.current
    // Its headings have keys of their own.
    if (!element || total === 0 || event.target !== event.currentTarget) return
    const pageful = Math.max(1, Math.floor(height.value / row.value) - 1)
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: pageful,
      PageUp: -pageful,
      Home: -total,
      End: total,
    }
    if (event.key === 'Enter') {
      const chosen = rowAt(active.value)
      if (chosen) location.hash = addressOf(chosen)
      return
    }
    const step = steps[event.key]
    if (step === undefined) return
    event.preventDefault()
    active.value = Math.min(total - 1, Math.max(0, active.value + step))
    const at = active.value * row.value
    if (at < element.scrollTop) element.scrollTop = at
    else if (at + row.value > element.scrollTop + height.value) {
      element.scrollTop = at + row.value - height.value
    }
  }

  return (
    <div
      class="list"
      role="grid"
      tabIndex={0}
      aria-label="Channels: arrow keys choose one, Enter opens it"
      aria-rowcount={total + 1}
      aria-activedescendant={active.value >= 0 ? `row-${active.value}` : undefined}
      onKeyDown={move}
    >
      <div role="rowgroup">
        <div class="row head" role="row" aria-rowindex={1}>
          {COLUMNS.map((column) => (
            <Heading key={column.sort} {...column} />
          ))}
        </div>
      </div>
      {/* The grid is what has the focus: a list that scrolls would take it by itself. */}
      <div ref={holder} class="rows" role="rowgroup" tabIndex={-1}>
        {loaded.value && total === 0 && <Empty known={known} />}
        <div class="space" role="presentation" style={{ height: `${total * row.value}px` }}>
          {Array.from({ length: Math.max(0, last - first) }, (_, offset) => {
            const index = first + offset
            return (
              <Row
                key={index}
                index={index}
                row={rowAt(index)}
                top={index * row.value}
                active={index === active.value}
              />
            )
          })}
        </div>
      </div>
    </div>
  )
}

function Empty({ known }: { known: number }) {
  if (known > 0) {
    return <p class="empty">No channel has “{search.value}” in its name.</p>
  }
  return (
    <p class="empty">
      There are no channels yet: the first message makes one. Publish it on{' '}
      <a href={linkTo('channels', 'test')}>test</a>, or from a terminal:{' '}
      <code>curl -d hello http://{location.hostname}:8080/publisher/test</code>
    </p>
  )
}

function Heading({ sort: by, title }: { sort: ChannelSort; title: string }) {
  const chosen = sort.value === by
  const order = descending.value ? 'descending' : 'ascending'
  return (
    <div role="columnheader" class={by} aria-sort={chosen ? order : 'none'}>
      <button
        type="button"
        onClick={() => {
          // Of figures one wants the largest first.
          descending.value = chosen ? !descending.value : by !== 'name'
          sort.value = by
        }}
      >
        {title}
        <span aria-hidden="true">{chosen ? (descending.value ? ' ↓' : ' ↑') : ''}</span>
      </button>
    </div>
  )
}

interface RowProps {
  readonly index: number
  readonly row: ChannelRow | undefined
  readonly top: number
  readonly active: boolean
}

function Row({ index, row, top, active }: RowProps) {
  const doors = Object.entries(row?.doors ?? {})
  return (
    <div
      id={`row-${index}`}
      class={`row${active ? ' active' : ''}`}
      role="row"
      aria-rowindex={index + 2}
      style={{ transform: `translateY(${top}px)` }}
    >
      <div role="gridcell" class="name">
        {row ? (
          <a href={addressOf(row)} tabIndex={-1}>
            {row.name}
          </a>
        ) : (
          '…'
        )}
      </div>
      <div
        role="gridcell"
        class="messages"
        data-label={row?.messages === 1 ? 'message' : 'messages'}
      >
        {row && count(row.messages)}
      </div>
      <div role="gridcell" class={`rate${row?.rate ? '' : ' zero'}`} data-label="/s">
        {row && rate(row.rate)}
      </div>
      <div role="gridcell" class="bytes">
        {row && bytes(row.bytes)}
      </div>
      <div
        role="gridcell"
        class={`subscribers${row?.subscribers ? '' : ' zero'}`}
        data-label={row?.subscribers === 1 ? 'subscriber' : 'subscribers'}
      >
        {row && count(row.subscribers)}
        <span class="doors">{doors.map(([door, number]) => ` ${door} ${number}`).join(' ·')}</span>
      </div>
    </div>
  )
}

/** As the server wrote it: a name may hold bytes that are no text. */
function addressOf({ id }: ChannelRow): string {
  return `#/channels/${id}`
}

function pathOf(offset: number): string {
  const query = new URLSearchParams({
    store: store.value,
    search: search.value,
    sort: sort.value,
    order: descending.value ? 'desc' : 'asc',
    offset: String(offset),
    limit: String(PAGE),
  })
  return `/console/channels?${query}`
}

/** What is in sight, and a few pages more for scrolling back. */
function withOthers(
  fresh: ReadonlyMap<number, readonly ChannelRow[]>,
  former: Loaded['pages'] | undefined,
): Loaded['pages'] {
  const pages = new Map(fresh)
  for (const [number, rows] of former ?? []) {
    if (pages.size >= fresh.size + KEPT) break
    if (!pages.has(number)) pages.set(number, rows)
  }
  return pages
}
