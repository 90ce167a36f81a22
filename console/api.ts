/** How the page talks to the server: calls, streams, and the key that both need. */
import { signal } from '@preact/signals'

const KEY = 'fanfare-key'
/** A stream tells something each second; after so long without a word it is taken for lost, in ms. */
const SILENCE = 8_000
const FIRST_WAIT = 1_000
const LONGEST_WAIT = 10_000

/** Set while the page has to ask for the key. */
export const keyWanted = signal<{ readonly wrong: boolean } | undefined>(undefined)

/** Whether the server answers, as far as the page knows; and, if not, when it is asked again. */
export const connection = signal<{ readonly up: boolean; readonly retryAt: number }>({
  up: true,
  retryAt: 0,
})

/** What the server refused, in its words. */
export class CallError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

let given: ((key: string) => void) | undefined
let asking: Promise<void> | undefined

/** The user has typed the key. */
export function giveKey(key: string): void {
  given?.(key)
}

function askForKey(): Promise<void> {
  asking ??= new Promise<void>((resolve) => {
    keyWanted.value = { wrong: sessionStorage.getItem(KEY) !== null }
    given = (key) => {
      sessionStorage.setItem(KEY, key)
      keyWanted.value = undefined
      given = undefined
      asking = undefined
      resolve()
    }
  })
  return asking
}

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.set('Accept', 'application/json')
  const key = sessionStorage.getItem(KEY)
  if (key !== null) headers.set('Authorization', `Bearer ${key}`)
  return fetch(path, { ...init, headers, cache: 'no-store', credentials: 'omit' })
}

/** Asks for the key when it is missing or wrong, as often as it takes. */
async function askWithKey(path: string, init?: RequestInit): Promise<Response> {
  for (;;) {
    const used = sessionStorage.getItem(KEY)
    const response = await ask(path, init)
    if (response.status !== 401) return response
    // A service may answer 401 as well, for a session that it does not know.
    if (init?.method === 'POST' && (await ask('/console/stores')).status !== 401) return response
    if (sessionStorage.getItem(KEY) === used) await askForKey()
  }
}

/** @throws CallError */
async function mustBeOk(response: Response): Promise<string> {
  const text = await response.text()
  if (response.ok) return text
  let found: { error?: { code?: string; message?: string; help?: string } } = {}
  try {
    found = JSON.parse(text) as typeof found
  } catch {
    // Not ours: a proxy's, say.
  }
  const { code = String(response.status), message = text || response.statusText } =
    found.error ?? {}
  const help = found.error?.help
  throw new CallError(code, help === undefined ? message : `${message} ${help}`)
}

/** @throws CallError, TypeError when the server cannot be reached */
export async function get<T>(path: string, end?: AbortSignal): Promise<T> {
  const response = await askWithKey(path, end ? { signal: end } : {})
  return JSON.parse(await mustBeOk(response)) as T
}

/**
 * Calls a service.
 * @returns the body as it came; '' for nothing
 * @throws CallError, TypeError when the server cannot be reached
 */
export async function call(
  service: string,
  method: string,
  args: Readonly<Record<string, unknown>>,
): Promise<string> {
  const headers = { 'Content-Type': 'application/json' }
  const body = JSON.stringify(args)
  const path = `/${service}/${method}`
  return mustBeOk(await askWithKey(path, { method: 'POST', headers, body }))
}

/** Opens what a path says in a window of its own: a link would be asked for without the key. */
export async function open(path: string): Promise<void> {
  const text = await mustBeOk(await askWithKey(path))
  const type = path.endsWith('.json') ? 'application/json' : 'text/plain; charset=utf-8'
  const url = URL.createObjectURL(new Blob([text], { type }))
  window.open(url, '_blank')
  // The window has read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

/** Words for whatever was thrown. */
export function wordsOf(error: unknown): string {
  if (error instanceof CallError) return error.message
  return error instanceof TypeError ? 'The server cannot be reached.' : String(error)
}

export interface StreamOptions {
  /** Asked again for each attempt. */
  readonly path: () => string
  /** By the event's name. */
  readonly on: Readonly<Record<string, (data: never) => void>>
  readonly opened?: () => void
  /** It has gone, and is tried again at this time, in ms since 1970. */
  readonly lost?: (retryAt: number, error: unknown) => void
}

/** Follows a stream of events, and comes back when it is lost. @returns what ends it */
export function follow(options: StreamOptions): () => void {
  const end = new AbortController()
  void run(options, end.signal)
  return () => end.abort()
}

async function run(options: StreamOptions, end: AbortSignal): Promise<void> {
  let wait = FIRST_WAIT
  while (!end.aborted) {
    let reason: unknown
    try {
      await readOnce(options, end, () => {
        wait = FIRST_WAIT
      })
    } catch (error) {
      reason = error
    }
    if (end.aborted) return
    options.lost?.(Date.now() + wait, reason)
    await pause(wait, end)
    wait = Math.min(LONGEST_WAIT, wait * 2)
  }
}

async function readOnce(
  options: StreamOptions,
  end: AbortSignal,
  heard: () => void,
): Promise<void> {
  const broken = new AbortController()
  const stop = (): void => broken.abort()
  end.addEventListener('abort', stop)
  let alarm: ReturnType<typeof setTimeout> | undefined
  const awake = (): void => {
    clearTimeout(alarm)
    alarm = setTimeout(stop, SILENCE)
  }
  try {
    const response = await askWithKey(options.path(), { signal: broken.signal })
    if (!response.ok) await mustBeOk(response)
    if (!response.body) return
    options.opened?.()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    for (;;) {
      awake()
      const { done, value } = await reader.read()
      if (done) return
      heard()
      const events = (rest + value).split('\n\n')
      rest = events.pop() ?? ''
      for (const event of events) dispatch(event, options.on)
    }
  } finally {
    clearTimeout(alarm)
    end.removeEventListener('abort', stop)
    broken.abort()
  }
}

function dispatch(event: string, on: StreamOptions['on']): void {
  const match = /^event: (\w+)\ndata: ([^]*)$/.exec(event)
  const [, name = '', data = ''] = match ?? []
  on[name]?.(JSON.parse(data) as never)
}

function pause(ms: number, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    end.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
