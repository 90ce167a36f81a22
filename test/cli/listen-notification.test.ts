/** What a message becomes on a desktop, and what shows it on each system. */
import { describe, expect, it, vi } from 'vitest'
import { Burst } from '../../src/cli/listen-burst.ts'
import { type Notification, notificationOf, summaryOf } from '../../src/cli/listen-notification.ts'
import { commandFor } from '../../src/cli/listen-notifier.ts'
import { plainMessage } from '../../src/client/source.ts'

const plain = (title: string, body = ''): Notification => ({ title, body, urgency: 'normal' })

describe('a message as a notification', () => {
  it.each([
    ['hello', 'a/b', 'hello'],
    ['Mona: hello', 'Mona', 'hello'],
    ['Message from +49:Hi: there', 'Message from +49', 'Hi: there'],
    [': hello', 'a/b', 'hello'],
    ['title:', 'title', ''],
    ['https://example.com/', 'a/b', 'https://example.com/'],
    ['two\nlines: here', 'a/b', 'two\nlines: here'],
    [`${'long '.repeat(50)}: here`, 'a/b', `${'long '.repeat(50)}: here`],
    ['a\u0000\u001b[2J\u202eb\r\nc', 'a/b', 'a  [2J b\nc'],
    ['', 'a/b', ''],
  ])('%j', (text, title, body) => {
    expect(notificationOf(plainMessage('a/b', text))).toEqual(plain(title, body))
  })

  it('is short', () => {
    const { body } = notificationOf(plainMessage('a', '😀'.repeat(5_000)))
    expect(body.length).toBe(1_000)
    expect(body.endsWith('…')).toBe(true)
    const { title } = notificationOf(plainMessage('c'.repeat(500), 'x'))
    expect(title.length).toBe(120)
  })

  it('of bytes says so', () => {
    const { body } = notificationOf(plainMessage('a', Buffer.from([0xff, 0])))
    expect(body).toBe('2 bytes that are no text')
  })

  it.each([
    ['https://example.com/a?b=c', true],
    ['http://localhost:8080/', true],
    ['file:///etc/passwd', false],
    ['javascript:alert(1)', false],
    ['--version', false],
    ['https://example.com/ä b', false],
  ])('has a link where it is one: %s', (url, has) => {
    const message = { ...plainMessage('a', 'x'), attributes: { url, urgency: 'loud' } }
    expect(notificationOf(message)).toEqual({ ...plain('a', 'x'), ...(has ? { url } : {}) })
  })
})

describe('what shows a notification', () => {
  const evil = plain('-e "x" $(id)', '"; do shell script "id" -- \\ `x` </toast>')

  it('is osascript on macOS: texts are arguments of a script that is always the same', () => {
    const { program, args } = commandFor(evil, 'darwin')
    expect(program).toBe('osascript')
    expect(args.slice(-3)).toEqual(['--', evil.title, evil.body])
    expect(args.slice(0, -2)).toEqual(commandFor(plain('a', 'b'), 'darwin').args.slice(0, -2))
  })

  it('is PowerShell on Windows: texts are in the environment', () => {
    const { program, args, env } = commandFor({ ...evil, url: 'https://x/' }, 'win32')
    expect(program).toBe('powershell.exe')
    expect(args).toEqual(commandFor(plain('a', 'b'), 'win32').args)
    expect(env).toEqual({ FANFARE_TITLE: evil.title, FANFARE_BODY: `${evil.body}\nhttps://x/` })
  })

  it('is notify-send elsewhere, with an action for the link where it knows one', () => {
    const { program, args } = commandFor({ ...evil, url: 'https://x/' }, 'linux', true)
    expect(program).toBe('notify-send')
    expect(args).toContain('--action=default=Open')
    expect(args.slice(-3, -1)).toEqual(['--', evil.title])
    expect(args.at(-1)).toContain('-- \\\\ `x` &lt;/toast&gt;\nhttps://x/')
  })
})

describe('a burst', () => {
  it('is shown up to its bound; a summary stands for the rest, and then all goes on', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    try {
      const shown: string[] = []
      const burst = new Burst(({ body }) => shown.push(body), 2, 10_000)
      for (const body of ['1', '2', '3', '4']) burst.add(plain('t', body), `channel ${body}`)
      expect(shown).toEqual(['1', '2'])
      vi.advanceTimersByTime(10_000)
      expect(shown).toEqual(['1', '2', '2 more messages on 2 channels'])
      burst.add(plain('t', '5'), 'a')
      expect(shown.at(-1)).toBe('5')
    } finally {
      vi.useRealTimers()
    }
  })
})

it('a summary counts', () => {
  expect(summaryOf(1, 1, 'more message').body).toBe('1 more message on 1 channel')
})
