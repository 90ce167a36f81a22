/** The console: watches one Fanfare server, and lets one act. */
import './style.css'
import { useSignal } from '@preact/signals'
import { render } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { connection, giveKey, keyWanted } from './api.ts'
import { Channel } from './channel.tsx'
import { Channels } from './channels.tsx'
import { Overview } from './overview.tsx'
import { Services } from './services.tsx'
import { linkTo, nextTheme, route, snapshot, theme, watchServer } from './state.ts'
import { count, duration } from './format.ts'
import { Users } from './users.tsx'

const VIEWS = [
  { name: '', title: 'Overview' },
  { name: 'channels', title: 'Channels' },
  { name: 'users', title: 'Users' },
  { name: 'services', title: 'Services' },
] as const

function App() {
  const [view = '', ...rest] = route.value
  const title = VIEWS.find(({ name }) => name === view)?.title
  useEffect(() => {
    document.title = `${title ?? 'Nothing here'} – Fanfare console`
  }, [title])
  return (
    <>
      <a class="skip" href="#page" onClick={toMain}>
        Skip to the content
      </a>
      <Header view={view} />
      <Lost />
      <main tabIndex={-1} class={view === 'channels' && rest.length === 0 ? 'fills' : ''}>
        {view === '' && <Overview />}
        {view === 'channels' &&
          (rest.length > 0 ? <Channel key={rest.join('/')} path={rest} /> : <Channels />)}
        {view === 'users' && <Users user={rest[0]} />}
        {view === 'services' && <Services />}
        {title === undefined && (
          <p class="empty">
            There is nothing at this address. <a href={linkTo('')}>Overview</a>
          </p>
        )}
      </main>
      <KeyDialog />
    </>
  )
}

function toMain(event: Event): void {
  event.preventDefault()
  document.querySelector<HTMLElement>('main')?.focus()
}

function Header({ view }: { view: string }) {
  const now = snapshot.value
  return (
    <header>
      <p class="brand">
        <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
          <path d="M1 6h3l8-4v12L4 10H1zM13.5 5.5v5l1.5 1v-7z" />
        </svg>
        Fanfare
      </p>
      <nav aria-label="Views">
        {VIEWS.map(({ name, title }) => (
          <a
            key={name}
            href={linkTo(...(name === '' ? [] : [name]))}
            aria-current={view === name ? 'page' : undefined}
          >
            {title}
            {name === 'channels' && now && <span class="badge">{count(now.channels)}</span>}
          </a>
        ))}
      </nav>
      <p class="uptime">{now && `up ${duration(now.uptime)}`}</p>
      <button type="button" class="quiet" onClick={nextTheme} title="Light, dark, or as the system">
        <span class="wide">Theme: </span>
        {theme.value}
      </button>
    </header>
  )
}

/** Says that the server does not answer, and when it is asked again. */
function Lost() {
  const { up, retryAt } = connection.value
  const left = useSignal(0)
  useEffect(() => {
    const look = (): void => {
      left.value = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000))
    }
    look()
    const timer = setInterval(look, 250)
    return () => clearInterval(timer)
  }, [retryAt])
  return (
    <div role="alert" class="alerts">
      {!up && (
        <p class="lost">
          <strong>The server does not answer.</strong> What is shown is from before.
          {/* Not read out every second. */}
          <span aria-hidden="true">
            {' '}
            {left.value > 0 ? `Trying again in ${left.value} s.` : 'Trying again …'}
          </span>
        </p>
      )}
    </div>
  )
}

function submitKey(event: SubmitEvent): void {
  event.preventDefault()
  const form = event.currentTarget as HTMLFormElement
  const key = new FormData(form).get('key')
  form.reset()
  if (typeof key === 'string' && key !== '') giveKey(key)
}

function KeyDialog() {
  const wanted = keyWanted.value
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (wanted) dialog.current?.showModal()
    else dialog.current?.close()
  }, [wanted])
  return (
    // Without the key there is nothing behind it to go back to.
    <dialog ref={dialog} aria-labelledby="key-title" onCancel={(event) => event.preventDefault()}>
      <form onSubmit={submitKey}>
        <h2 id="key-title">This server asks for its key</h2>
        <p>
          It is <code>management.key</code> of the server’s configuration. This tab remembers it
          until it is closed.
        </p>
        {wanted?.wrong && <p class="bad">Error: that was not the key.</p>}
        <label>
          Key
          <input name="key" type="password" autocomplete="current-password" required autofocus />
        </label>
        <button type="submit">Go on</button>
      </form>
    </dialog>
  )
}

const page = document.getElementById('page')
if (page) render(<App />, page)
watchServer()
