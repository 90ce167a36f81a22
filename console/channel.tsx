/** One channel or subtree: what comes, what came before, and a form to publish. */
import { type Signal, useSignal } from '@preact/signals'
import type { VNode } from 'preact'
import { useEffect } from 'preact/hooks'
import type {
  ChannelTick,
  MessageView,
  Replay,
  Shown,
} from '../src/protocols/management/console/data.ts'
import { connection, follow, wordsOf } from './api.ts'
import { store } from './channels.tsx'
import { bytes, clock, count } from './format.ts'
import { MethodForm } from './form.tsx'
import { linkTo, route } from './state.ts'

/** Messages that are kept in the page. */
const KEPT = 200
/** How often new ones are drawn, in ms. */
const DRAW = 100

const REPLAYS = [
  { value: 'last=20', title: 'last 20' },
  { value: 'last=200', title: 'last 200' },
  { value: 'since=all', title: 'oldest 500' },
  { value: 'last=0', title: 'none' },
] as const

interface State {
  readonly tick: ChannelTick | undefined
  /** Messages that passed a second, by the last tick. */
  readonly rate: number
  readonly note: string
}

export function Channel({ path }: { path: readonly string[] }) {
  // The bytes of the name as they stand in the address, which is no text for all names.
  const id = encodedPath()
  const name = path.join('/') || '/'
  const subtree = name.endsWith('/')
  const replay = useSignal<string>(REPLAYS[0].value)
  const paused = useSignal(false)
  const rows = useSignal<readonly VNode[]>([])
  const waiting = useSignal(0)
  const state = useSignal<State>({ tick: undefined, rate: 0, note: '' })
  const mode = replay.value
  useEffect(
    () => watch({ id, mode, subtree, paused, rows, waiting, state }),
    [id, mode, store.value],
  )
  const { tick, rate, note } = state.value
  return (
    <>
      <div class="bar">
        <p class="crumb">
          <a href={linkTo('channels')}>Channels</a>
        </p>
        <h1 class="name">
          {name}
          {subtree && <span class="badge">subtree</span>}
        </h1>
      </div>
      <Figures tick={tick} rate={rate} subtree={subtree} />
      <div class="columns wide-first">
        <section aria-labelledby="messages">
          <div class="bar">
            <h2 id="messages">Messages</h2>
            <label>
              Replay{' '}
              <select
                value={mode}
                onChange={(event) => {
                  replay.value = event.currentTarget.value
                }}
              >
                {REPLAYS.map(({ value, title }) => (
                  <option key={value} value={value}>
                    {title}
                  </option>
                ))}
              </select>
            </label>
            <button
              type="button"
              class="quiet"
              aria-pressed={paused.value}
              onClick={() => {
                paused.value = !paused.value
              }}
            >
              {paused.value ? `Go on${waiting.value > 0 ? ` (${waiting.value})` : ''}` : 'Pause'}
            </button>
          </div>
          <p class="note sample" data-passed={tick?.passed ?? 0} data-shown={tick?.shown ?? 0}>
            {sampleNote(tick)}
          </p>
          {note !== '' && <p class="note gap">{note}</p>}
          {rows.value.length === 0 ? (
            <p class="empty">
              {tick
                ? 'Nothing yet. Publish something beside this, and it shows here.'
                : 'Waiting for the server …'}
            </p>
          ) : (
            // A list that changes many times a second is not to be read out as it does.
            <ol class="log" aria-live="off" aria-label="Messages, newest first">
              {rows.value}
            </ol>
          )}
        </section>
        <section aria-labelledby="publish">
          <h2 id="publish">Publish</h2>
          {subtree ? (
            <p class="empty">A subtree is many channels: open one of them to publish to it.</p>
          ) : (
            <MethodForm
              service="channel"
              method="publish"
              fixed={{ channelId: name }}
              label="Publish"
            />
          )}
        </section>
      </div>
    </>
  )
}

function encodedPath(): string {
  // Read again whenever the route changes.
  void route.value
  const id = location.hash.replace(/^#\/channels\//, '')
  return id === '' ? '/' : id
}

function Figures({
  tick,
  rate,
  subtree,
}: {
  tick: ChannelTick | undefined
  rate: number
  subtree: boolean
}) {
  const doors = Object.entries(tick?.doors ?? {})
  const subscribers = doors.reduce((sum, [, number]) => sum + number, 0)
  return (
    <dl class="figures">
      <div>
        <dt>Passing</dt>
        <dd>{count(rate)}/s</dd>
      </div>
      {!subtree && (
        <>
          <div>
            <dt>Kept</dt>
            <dd>
              {count(tick?.messages ?? 0)} <small>messages</small>
            </dd>
          </div>
          <div>
            <dt>Size</dt>
            <dd>{bytes(tick?.bytes ?? 0)}</dd>
          </div>
          <div>
            <dt>Subscribers</dt>
            <dd>
              {count(subscribers)}{' '}
              <small>{doors.map(([door, number]) => `${door} ${number}`).join(' · ')}</small>
            </dd>
          </div>
        </>
      )}
    </dl>
  )
}

function sampleNote(tick: ChannelTick | undefined): string {
  if (!tick) return ''
  if (tick.passed <= tick.shown) return 'Every message is shown.'
  return `Too many to read: of ${count(tick.passed)} in the last second, ${count(tick.shown)} are shown.`
}

interface Watched {
  readonly id: string
  readonly mode: string
  readonly subtree: boolean
  readonly paused: Signal<boolean>
  readonly rows: Signal<readonly VNode[]>
  readonly waiting: Signal<number>
  readonly state: Signal<State>
}

function watch({ id, mode, subtree, paused, rows, waiting, state }: Watched): () => void {
  let pending: VNode[] = []
  let newest = ''
  let tickedAt = performance.now()
  const keep = (message: MessageView): void => {
    newest = message.id
    // The same object each time: what is drawn already is not looked at again.
    pending.push(<Message key={message.id} message={message} subtree={subtree} />)
    if (pending.length > KEPT) pending.shift()
  }
  const draw = (): void => {
    if (paused.value) waiting.value = pending.length
    else if (pending.length > 0) {
      rows.value = [...pending.toReversed(), ...rows.value].slice(0, KEPT)
      pending = []
      waiting.value = 0
    }
  }
  rows.value = []
  state.value = { tick: undefined, rate: 0, note: '' }
  const timer = setInterval(draw, DRAW)
  const end = follow({
    path: () => {
      const start = newest === '' ? mode : `since=${newest}`
      return `/console/messages?store=${encodeURIComponent(store.value)}&channel=${id}&${start}`
    },
    on: {
      replay: ({ messages, more, gap }: Replay) => {
        for (const message of messages) keep(message)
        const parts = []
        if (gap) parts.push('Some messages before these are not kept any more.')
        if (more) parts.push(`Only the first ${messages.length} are replayed; there are more.`)
        state.value = { ...state.value, note: parts.join(' ') }
        tickedAt = performance.now()
        draw()
      },
      messages: (messages: Shown) => {
        for (const message of messages) keep(message)
      },
      tick: (tick: ChannelTick) => {
        const now = performance.now()
        const seconds = (now - tickedAt) / 1000
        tickedAt = now
        const known = seconds > 0.2 ? tick.passed / seconds : state.value.rate
        state.value = { ...state.value, tick, rate: known }
      },
    },
    lost: (_retryAt, error) => {
      const words = error === undefined || !connection.value.up ? '' : `Error: ${wordsOf(error)}`
      state.value = { ...state.value, tick: undefined, rate: 0, note: words }
    },
  })
  return () => {
    clearInterval(timer)
    end()
  }
}

function Message({ message, subtree }: { message: MessageView; subtree: boolean }) {
  const { id, channel, time, type, size, text, data, attributes, cut } = message
  const open = useSignal(false)
  const long = (text ?? '').length > 400 || (text ?? '').split('\n').length > 6
  return (
    <li>
      <p class="meta">
        <time dateTime={new Date(time).toISOString()}>{clock(time)}</time>
        {subtree && <a href={linkTo('channels', ...channel.split('/'))}>{channel}</a>}
        <span class="id">{id}</span>
        {type !== null && <span>{type}</span>}
        <span>{bytes(size)}</span>
      </p>
      <pre class={long && !open.value ? 'short' : ''}>{text ?? '(no text)'}</pre>
      {data !== null && <pre class="data">{data}</pre>}
      {attributes && (
        <p class="meta">
          {Object.entries(attributes).map(([name, value]) => (
            <span key={name}>
              {name}: {value}
            </span>
          ))}
        </p>
      )}
      {cut && open.value && <p class="meta">Only its beginning is shown.</p>}
      {long && (
        <button
          type="button"
          class="quiet"
          aria-expanded={open.value}
          onClick={() => {
            open.value = !open.value
          }}
        >
          {open.value ? 'Less' : 'More'}
        </button>
      )}
    </li>
  )
}
