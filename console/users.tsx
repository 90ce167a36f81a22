/** Users: who there is, what they are connected by, and what one does with them. */
import { type Signal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { UserList, UserView } from '../src/protocols/management/console/data.ts'
import { call, get, wordsOf } from './api.ts'
import { clock, count, counted, duration } from './format.ts'
import { MethodForm } from './form.tsx'
import { linkTo } from './state.ts'

const PAGE = 100
const REFRESH = 1_500

/** Asks again and again while it is shown; `again` asks at once. */
function usePolled<T>(path: string): {
  found: Signal<T | undefined>
  failure: Signal<string>
  again: () => void
} {
  const found = useSignal<T | undefined>(undefined)
  const failure = useSignal('')
  const now = useRef<() => void>(() => {})
  useEffect(() => {
    const end = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let latest = 0
    const load = async (): Promise<void> => {
      clearTimeout(timer)
      const mine = ++latest
      try {
        const value = await get<T>(path, end.signal)
        if (end.signal.aborted || mine !== latest) return
        found.value = value
        failure.value = ''
      } catch (error) {
        if (!end.signal.aborted) failure.value = wordsOf(error)
      }
      if (!end.signal.aborted && mine === latest) timer = setTimeout(() => void load(), REFRESH)
    }
    now.current = () => void load()
    void load()
    return () => {
      end.abort()
      clearTimeout(timer)
    }
  }, [path])
  return { found, failure, again: () => now.current() }
}

export function Users({ user }: { user: string | undefined }) {
  return (
    <div class="columns wide-first">
      <div>{user === undefined || user === '' ? <List /> : <User key={user} user={user} />}</div>
      <Actions user={user === '' ? undefined : user} />
    </div>
  )
}

function List() {
  const search = useSignal('')
  const offset = useSignal(0)
  const query = new URLSearchParams({
    search: search.value,
    offset: String(offset.value),
    limit: String(PAGE),
  })
  const { found, failure } = usePolled<UserList>(`/console/users?${query}`)
  const { total = 0, rows = [] } = found.value ?? {}
  const last = Math.min(total, offset.value + PAGE)
  return (
    <section aria-labelledby="users">
      <div class="bar">
        <h1 id="users">Users</h1>
        <label class="search">
          <span class="hidden">Search users by a part of the id</span>
          <input
            type="search"
            placeholder="Part of an id"
            value={search.value}
            onInput={(event) => {
              search.value = event.currentTarget.value
              offset.value = 0
            }}
          />
        </label>
        <p class="note" role="status">
          {failure.value === '' ? found.value && counted(total, 'user') : `Error: ${failure.value}`}
        </p>
      </div>
      {found.value && total === 0 ? (
        <p class="empty">
          {search.value === ''
            ? 'There are no users yet. Register a session for one, and log in with it on the client page.'
            : `No user has “${search.value}” in its id.`}
        </p>
      ) : (
        <div class="scrolls" role="group" aria-labelledby="users" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">User</th>
                <th scope="col">Connections</th>
                <th scope="col">Sessions</th>
                <th scope="col">Subscriptions</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.user}>
                  <th scope="row">
                    <a href={linkTo('users', row.user)}>{row.user}</a>
                  </th>
                  <td class={row.connections === 0 ? 'zero' : ''}>{count(row.connections)}</td>
                  <td class={row.sessions === 0 ? 'zero' : ''}>{count(row.sessions)}</td>
                  <td class={row.subscriptions === 0 ? 'zero' : ''}>{count(row.subscriptions)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {total > PAGE && (
        <p class="pager">
          <button
            type="button"
            class="quiet"
            disabled={offset.value === 0}
            onClick={() => {
              offset.value = Math.max(0, offset.value - PAGE)
            }}
          >
            Previous
          </button>
          <span>
            {count(offset.value + 1)}–{count(last)} of {count(total)}
          </span>
          <button
            type="button"
            class="quiet"
            disabled={last >= total}
            onClick={() => {
              offset.value += PAGE
            }}
          >
            Next
          </button>
        </p>
      )}
    </section>
  )
}

function User({ user }: { user: string }) {
  const { found, failure, again } = usePolled<UserView>(
    `/console/user?id=${encodeURIComponent(user)}`,
  )
  const result = useSignal('')
  const view = found.value
  const act = (words: string, work: Promise<string>): void => {
    work.then(
      () => {
        result.value = words
        again()
      },
      (error: unknown) => {
        result.value = `Error: ${wordsOf(error)}`
      },
    )
  }
  return (
    <section aria-labelledby="user">
      <div class="bar">
        <p class="crumb">
          <a href={linkTo('users')}>Users</a>
        </p>
        <h1 id="user" class="name">
          {user}
          {view && <span class="badge">{presenceOf(view)}</span>}
        </h1>
        <p class="note" role="status">
          {failure.value === '' ? result.value : `Error: ${failure.value}`}
        </p>
      </div>
      <h2>Connections</h2>
      {view?.connections.length === 0 && (
        <p class="empty">None. Messages reach this user once it has logged in.</p>
      )}
      <ul class="items">
        {view?.connections.map(({ id, door, peer, since, node }) => (
          <li key={id}>
            <span class="main">
              {door} from {peer}
              <small>
                {' '}
                for {duration((Date.now() - since) / 1000)} · node {node} · {id}
              </small>
            </span>
            <button
              type="button"
              class="quiet"
              aria-label={`Disconnect ${door} from ${peer}, ${id}`}
              onClick={() =>
                act(
                  'Disconnected. It may come back.',
                  call('user', 'disconnect', { connectionId: id }),
                )
              }
            >
              Disconnect
            </button>
          </li>
        ))}
      </ul>
      <h2>Subscriptions</h2>
      {view?.subscriptions.length === 0 && (
        <p class="empty">None. Subscribe the user to a channel with the form.</p>
      )}
      <ul class="items">
        {view?.subscriptions.map((channel) => (
          <li key={channel}>
            <a class="main" href={linkTo('channels', ...channel.split('/'))}>
              {channel}
            </a>
            <button
              type="button"
              class="quiet"
              aria-label={`Unsubscribe from ${channel}`}
              onClick={() =>
                act(
                  `Unsubscribed from ${channel}.`,
                  call('channel', 'unsubscribe', { userId: user, channelId: channel }),
                )
              }
            >
              Unsubscribe
            </button>
          </li>
        ))}
      </ul>
      <h2>Sessions</h2>
      {view?.sessions.length === 0 && (
        <p class="empty">None: nobody can log in as this user with a session.</p>
      )}
      <ul class="items">
        {view?.sessions.map(({ digest, since }) => (
          <li key={digest}>
            <span class="main">
              since {clock(since)} <small>SHA-256 {digest.slice(0, 12)}…</small>
            </span>
          </li>
        ))}
      </ul>
      {view && view.sessions.length > 0 && (
        <button
          type="button"
          class="quiet"
          onClick={() => act('All sessions removed.', call('auth', 'remove', { userId: user }))}
        >
          Remove all sessions
        </button>
      )}
    </section>
  )
}

function presenceOf({ connections, there }: UserView): string {
  if (connections.length > 0) return 'connected'
  return there ? 'gone a moment ago' : 'not connected'
}

const ACTIONS = [
  { title: 'Register a session', service: 'auth', method: 'set', label: 'Register' },
  { title: 'Publish to a user', service: 'user', method: 'publish', label: 'Publish' },
  { title: 'Subscribe a user', service: 'channel', method: 'subscribe', label: 'Subscribe' },
] as const

function Actions({ user }: { user: string | undefined }) {
  const fixed = user === undefined ? {} : { fixed: { userId: user } }
  return (
    <div class="actions">
      {ACTIONS.map(({ title, service, method, label }) => (
        <section key={`${title} ${user ?? ''}`} aria-label={title}>
          <h2>{title}</h2>
          <MethodForm service={service} method={method} label={label} {...fixed} />
        </section>
      ))}
    </div>
  )
}
