/** The client's page: logs in as a user over Socket.IO, and shows what arrives. */
import './style.css'

const LIBRARY = '/socket.io/socket.io.js'
/** Messages that are kept in the page. */
const KEPT = 200

/** As much of Socket.IO's client as is used here. */
interface Socket {
  readonly active: boolean
  on(event: string, listener: (...args: never[]) => void): void
  emit(event: string, ...args: unknown[]): void
  disconnect(): void
}

type Connect = (options: { auth: Record<string, unknown>; forceNew: boolean }) => Socket

declare global {
  var io: Connect | undefined
}

/** What a message looks like when it comes with an envelope. */
interface Envelope {
  readonly id?: string
  readonly channel?: string
  readonly user?: string
  readonly time?: number
  readonly body?: string
  readonly data?: unknown
}

let socket: Socket | undefined

const page = document.getElementById('page')
if (page) page.replaceChildren(...layout())

function layout(): Node[] {
  document.documentElement.dataset['theme'] = matchMedia('(prefers-color-scheme: dark)').matches
    ? 'dark'
    : 'light'
  const brand = element('p', { class: 'brand' }, 'Fanfare')
  const main = element('main', {})
  main.append(
    element('h1', {}, 'Log in as a user, see what arrives'),
    element(
      'p',
      { class: 'note' },
      'Register a session for a user in the console, log in with it here, and publish to the user or to a channel.',
    ),
    loginForm(),
    element('p', { id: 'status', role: 'status' }, 'Not logged in.'),
    subscribeForm(),
    element('h2', { id: 'title' }, 'Messages'),
    element('p', { class: 'empty', id: 'empty' }, 'Nothing yet.'),
    element('ol', { class: 'log', role: 'log', 'aria-labelledby': 'title' }),
  )
  const header = element('header', {})
  header.append(brand)
  return [header, main]
}

function loginForm(): HTMLElement {
  const form = element('form', { id: 'login', 'aria-label': 'Log in' })
  form.append(
    field('userId', 'User id', '1'),
    field('sessionId', 'Session', 'test'),
    element('button', { type: 'submit' }, 'Log in'),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const { userId = '', sessionId = '' } = valuesOf(form)
    void logIn(userId, sessionId)
  })
  return form
}

function subscribeForm(): HTMLElement {
  const form = element('form', {
    id: 'subscribe',
    class: 'one',
    'aria-label': 'Subscribe',
    hidden: '',
  })
  form.append(
    field('channel', 'Follow a channel, too', 'news'),
    element('button', { type: 'submit', class: 'quiet' }, 'Subscribe'),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const { channel = '' } = valuesOf(form)
    socket?.emit('subscribe', channel, { as: 'session' }, (answer: unknown) => {
      const error = (answer as { error?: { message?: string } } | undefined)?.error
      if (error) say('bad', `Error: ${error.message ?? 'this was refused'}`)
      else say('in', `Subscribed to ${channel}.`)
    })
  })
  return form
}

async function logIn(userId: string, session: string): Promise<void> {
  socket?.disconnect()
  say('none', 'Connecting …')
  let connect: Connect
  try {
    connect = await library()
  } catch {
    say(
      'bad',
      'Error: this server’s socketio door is off, or cannot be reached. See docs/protocols/socketio.md.',
    )
    return
  }
  const mine = connect({ auth: { userId, session, envelope: true }, forceNew: true })
  socket = mine
  mine.on('connect', () => {
    say('in', `Authorized as ${userId}. Messages show below.`)
    show('subscribe', true)
  })
  mine.on('connect_error', ({ message }: Error) => {
    if (socket !== mine) return
    show('subscribe', false)
    // One that the server has refused does not try again by itself.
    if (mine.active) say('bad', 'Error: the server cannot be reached. Trying again …')
    else say('bad', `Error: ${message}`)
  })
  mine.on('disconnect', (reason: string) => {
    if (socket !== mine) return
    show('subscribe', false)
    say('bad', mine.active ? 'Disconnected. Trying again …' : `Disconnected: ${reason}.`)
  })
  mine.on('message', (message: unknown) => add(message))
  mine.on('gap', () => add({ body: 'Some messages before this are not kept any more.' }))
}

/** Loads the library that fits the server, from the server. */
function library(): Promise<Connect> {
  return new Promise((resolve, reject) => {
    const found = (): void => {
      if (globalThis.io) resolve(globalThis.io)
      else reject(new Error('no client'))
    }
    if (globalThis.io) found()
    const script = document.createElement('script')
    script.src = LIBRARY
    script.addEventListener('load', found)
    script.addEventListener('error', () => {
      script.remove()
      reject(new Error('no client'))
    })
    document.head.append(script)
  })
}

function add(message: unknown): void {
  const list = document.querySelector('.log')
  if (!list) return
  document.getElementById('empty')?.remove()
  const { id, channel, user, time, body, data } = envelopeOf(message)
  const item = element('li', {})
  const meta = element('p', { class: 'meta' })
  const where = channel ?? (user === undefined ? undefined : `to user ${user}`)
  const when = new Date(time ?? Date.now()).toLocaleTimeString('en-GB')
  for (const part of [when, where, id])
    if (part !== undefined) meta.append(element('span', {}, part))
  item.append(meta, element('pre', {}, data === undefined ? (body ?? '') : JSON.stringify(data)))
  list.prepend(item)
  while (list.children.length > KEPT) list.lastElementChild?.remove()
}

function envelopeOf(message: unknown): Envelope {
  if (typeof message !== 'object' || message === null) return { body: String(message) }
  const envelope = message as Envelope
  return 'id' in envelope || 'body' in envelope ? envelope : { data: message }
}

function say(state: 'in' | 'bad' | 'none', words: string): void {
  const status = document.getElementById('status')
  if (!status) return
  status.dataset['state'] = state
  status.textContent = words
}

function show(id: string, shown: boolean): void {
  const found = document.getElementById(id)
  if (found) found.hidden = !shown
}

function field(name: string, title: string, example: string): HTMLElement {
  const label = element('label', {}, title)
  label.append(element('input', { name, placeholder: example, required: '', autocomplete: 'off' }))
  return label
}

function valuesOf(form: HTMLElement): Record<string, string> {
  const inputs = [...form.querySelectorAll('input')]
  return Object.fromEntries(inputs.map(({ name, value }) => [name, value]))
}

function element(
  tag: string,
  attributes: Readonly<Record<string, string>>,
  words?: string | Node,
): HTMLElement {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  if (words !== undefined) made.append(words)
  return made
}
