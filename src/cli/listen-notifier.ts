import { type ChildProcess, execFile } from 'node:child_process'
import type { Notification } from './listen-notification.ts'

/** A program and its arguments: there is no shell in between. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** How long a program may take to show one, in ms; with a link it waits for the user. */
const PATIENCE = 20_000
/** Notifications with a link that wait for the user. */
const MAX_WAITING = 20
/** Notifications that wait for a desktop that does not answer. */
const MAX_QUEUED = 50

const APPLE_SCRIPT = [
  'on run argv',
  'display notification (item 2 of argv) with title (item 1 of argv)',
  'end run',
].flatMap((line) => ['-e', line])

/** The texts come by the environment: nothing of them is part of the script. */
const POWERSHELL = `
$ErrorActionPreference = 'Stop'
[void][Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType=WindowsRuntime]
$kind = [Windows.UI.Notifications.ToastTemplateType]::ToastText02
$toast = [Windows.UI.Notifications.ToastNotificationManager]::GetTemplateContent($kind)
$texts = $toast.GetElementsByTagName('text')
[void]$texts.Item(0).AppendChild($toast.CreateTextNode($env:FANFARE_TITLE))
[void]$texts.Item(1).AppendChild($toast.CreateTextNode($env:FANFARE_BODY))
$notification = [Windows.UI.Notifications.ToastNotification]::new($toast)
[Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier('Fanfare').Show($notification)
`

/**
 * What shows a notification.
 * @param actions whether notify-send knows `--action`
 */
export function commandFor(
  { title, body, urgency, url }: Notification,
  platform: NodeJS.Platform,
  actions = false,
): Command {
  const text = url === undefined ? body : `${body}${body === '' ? '' : '\n'}${url}`
  if (platform === 'darwin') {
    return { program: 'osascript', args: [...APPLE_SCRIPT, '--', title, text] }
  }
  if (platform === 'win32') {
    const encoded = Buffer.from(POWERSHELL, 'utf16le').toString('base64')
    return {
      program: 'powershell.exe',
      args: ['-NoProfile', '-NonInteractive', '-EncodedCommand', encoded],
      env: { FANFARE_TITLE: title, FANFARE_BODY: text },
    }
  }
  const options = ['--app-name=Fanfare', `--urgency=${urgency}`]
  if (url !== undefined && actions) options.push('--action=default=Open')
  return { program: 'notify-send', args: [...options, '--', title, libnotify(text)] }
}

/** The body is markup there, and notify-send resolves escapes as C has them. */
function libnotify(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\\', '\\\\')
}

/** Shows notifications by the system's own means. */
export class Notifier {
  readonly #tell: (problem: string) => void
  readonly #waiting = new Set<ChildProcess>()
  #actions: Promise<boolean> | undefined
  #told = ''
  #queued = 0
  /** So that they come in order. */
  #last: Promise<void> = Promise.resolve()

  /** @param tell is told, once, why nothing can be shown */
  constructor(tell: (problem: string) => void) {
    this.#tell = tell
  }

  /** Shows it when those before it are shown. */
  show(notification: Notification): void {
    if (this.#queued === MAX_QUEUED) {
      this.#say('the desktop takes no notifications; some are left out')
      return
    }
    this.#queued++
    this.#last = this.#last.then(async () => {
      // What cannot be started at all is thrown, not told.
      await this.#show(notification).catch((error: Error) => this.#say(error.message))
      this.#queued--
    })
  }

  async #show(notification: Notification): Promise<void> {
    const { platform } = process
    const isLinux = platform !== 'darwin' && platform !== 'win32'
    const { url } = notification
    const actions = isLinux && url !== undefined && (await this.#knowsActions())
    const { program, args, env } = commandFor(notification, platform, actions)
    const options = {
      env: { ...process.env, ...env },
      windowsHide: true,
      ...(actions ? {} : { timeout: PATIENCE }),
    }
    await new Promise<void>((resolve) => {
      const child = execFile(program, args, options, (error, output) => {
        this.#waiting.delete(child)
        if (error && !child.killed) this.#failed(program, error)
        else if (actions && output.trim() === 'default') openLink(url)
        resolve()
      })
      if (!actions) return
      this.#wait(child)
      resolve()
    })
  }

  /** Waits no longer for what the user may do. */
  close(): void {
    for (const child of this.#waiting) child.kill()
  }

  #wait(child: ChildProcess): void {
    this.#waiting.add(child)
    const [oldest] = this.#waiting
    if (this.#waiting.size <= MAX_WAITING || !oldest) return
    this.#waiting.delete(oldest)
    oldest.kill()
  }

  #knowsActions(): Promise<boolean> {
    this.#actions ??= new Promise((resolve) => {
      execFile('notify-send', ['--help'], { timeout: PATIENCE }, (error, output) => {
        resolve(!error && output.includes('--action'))
      })
    })
    return this.#actions
  }

  #failed(program: string, error: Error): void {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const why =
      missing && program === 'notify-send'
        ? 'notify-send is missing: sudo apt-get install libnotify-bin (Fedora: libnotify)'
        : `${program} cannot show notifications: ${error.message.trim().split('\n').at(-1)}`
    this.#say(why)
  }

  #say(problem: string): void {
    if (problem === this.#told) return
    this.#told = problem
    this.#tell(problem)
  }
}

function openLink(url: string): void {
  execFile('xdg-open', [url], () => {})
}
