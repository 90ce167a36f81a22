/** What several views share: where one is, how the server is, how it all looks. */
import { effect, signal } from '@preact/signals'
import type { ErrorEntry, Snapshot } from '../src/protocols/management/console/data.ts'
import { connection, follow } from './api.ts'

/** Parts of the address behind `#/`, decoded. */
export const route = signal<readonly string[]>(readRoute())

function readRoute(): string[] {
  return location.hash.replace(/^#\/?/, '').split('/').map(decode)
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

addEventListener('hashchange', () => {
  route.value = readRoute()
  // As a new page would: whoever reads by keyboard or ear starts at its head.
  document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true })
  scrollTo(0, 0)
})

/** An address of this page. */
export function linkTo(...parts: readonly string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`
}

export type Theme = 'auto' | 'light' | 'dark'
const THEME = 'fanfare-theme'
const THEMES: readonly Theme[] = ['auto', 'light', 'dark']

export const theme = signal<Theme>(
  THEMES.find((one) => one === localStorage.getItem(THEME)) ?? 'auto',
)

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'auto'
}

const darkOutside = matchMedia('(prefers-color-scheme: dark)')
/** Whether it is dark now, whoever decided that. */
export const dark = signal(false)

effect(() => {
  localStorage.setItem(THEME, theme.value)
  dark.value = theme.value === 'auto' ? darkOutside.matches : theme.value === 'dark'
  document.documentElement.dataset['theme'] = dark.value ? 'dark' : 'light'
})
darkOutside.addEventListener('change', () => {
  if (theme.value === 'auto') {
    dark.value = darkOutside.matches
    document.documentElement.dataset['theme'] = dark.value ? 'dark' : 'light'
  }
})

export const snapshot = signal<Snapshot | undefined>(undefined)
export const errors = signal<readonly ErrorEntry[]>([])

/** Seconds of history that charts show. */
export const HISTORY = 300

/** Columns for charts: times in seconds, then values; null where nothing is known. */
export interface History {
  readonly time: number[]
  readonly deliveries: (number | null)[]
  readonly publishes: (number | null)[]
  readonly connections: (number | null)[]
  readonly rss: (number | null)[]
  readonly heap: (number | null)[]
  readonly p50: (number | null)[]
  readonly p99: (number | null)[]
}

export const history: History = {
  time: [],
  deliveries: [],
  publishes: [],
  connections: [],
  rss: [],
  heap: [],
  p50: [],
  p99: [],
}

function remember(time: number, values: Partial<Record<keyof History, number>>): void {
  for (const [name, column] of Object.entries(history) as [keyof History, (number | null)[]][]) {
    column.push(name === 'time' ? time : (values[name] ?? null))
    if (column.length > HISTORY) column.shift()
  }
}

/** Begins to watch the server; goes on as long as the page lives. */
export function watchServer(): void {
  follow({
    path: () => '/console/overview',
    on: {
      snapshot: (found: Snapshot) => {
        const { deliveries, publishes, connections, rss, heap, delay } = found
        remember(found.time / 1000, { deliveries, publishes, connections, rss, heap, ...delay })
        snapshot.value = found
      },
      errors: (found: readonly ErrorEntry[]) => {
        errors.value = found
      },
    },
    opened: () => {
      connection.value = { up: true, retryAt: 0 }
    },
    lost: (retryAt) => {
      connection.value = { up: false, retryAt }
      // A line must not bridge what nobody saw.
      if (history.time.length > 0) remember(Date.now() / 1000, {})
    },
  })
}
