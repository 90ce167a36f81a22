import { describe, expect, it } from 'vitest'
import { topLines } from '../../src/cli/top-view.ts'
import type { DoorTraffic, Snapshot } from '../../src/protocols/management/console/data.ts'
import { startManaged } from '../protocols/management/support.ts'
import { request } from '../support/raw.ts'
import { startServer } from '../support/server.ts'
import { MAIN, run, Running } from './cli-program.ts'

const KEY = '0123456789abcdef'

function door(name: string, more: Partial<DoorTraffic> = {}): DoorTraffic {
  const counts = { connections: 0, accepted: 0, published: 0, delivered: 0, bytes: 0, gaps: 0 }
  const rates = { publishRate: 0, deliveryRate: 0, byteRate: 0 }
  return { name, ...counts, wentBehind: 0, refused: 0, followers: 0, behind: 0, ...rates, ...more }
}

function snapshot(more: Partial<Snapshot> = {}): Snapshot {
  return {
    time: 0,
    uptime: 7_384,
    deliveries: 123_456,
    publishes: 12.5,
    connections: 1_000_000,
    rss: 84 * 2 ** 20,
    heap: 0,
    delay: { p50: 0, p99: 1.25 },
    channels: 0,
    users: 0,
    doors: [door('relay'), door('events', { deliveryRate: 123_456, byteRate: 2 ** 21, behind: 2 })],
    slow: [],
    errors: 0,
    ...more,
  }
}

describe('a frame of fanfare top', () => {
  it('fits into 80 columns, whatever is in it, with what is going on first', () => {
    const slow = [
      { door: 'events', channels: ['x'.repeat(300), '\u001b[2J'], unsent: 1, position: '1-1' },
      { door: 'redis', channels: ['a'], unsent: 900_000, position: '1700000000-5' },
    ]
    const frame = { where: 'h'.repeat(200), snapshot: snapshot({ slow }), nodes: {} }
    const lines = topLines(frame, { columns: 80, color: false })
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80)
    expect(lines.join('\n')).not.toContain('\u001b')
    expect(lines[1]).toBe('connections 1.0M   published 13/s   delivered 123.5k/s   out 2.0 MiB/s')
    expect(lines.findIndex((line) => line.startsWith('events'))).toBeLessThan(
      lines.findIndex((line) => line.startsWith('relay')),
    )
    expect(lines.find((line) => line.startsWith('redis'))).toContain('878.9 KiB')
  })

  it('leaves out what is below the last row', () => {
    const frame = { where: 'here', snapshot: snapshot(), nodes: {} }
    expect(topLines(frame, { columns: 80, rows: 4, color: false })).toHaveLength(4)
  })
})

describe('fanfare top', { timeout: 60_000 }, () => {
  it('prints once how a server is, for scripts as JSON', async () => {
    const { port, admin } = await startManaged(`key: ${KEY}`)
    await request(port, 'POST', '/publisher/a', {}, 'x')
    const words = await run(['top', `http://:${KEY}@127.0.0.1:${admin}`, '--once'])
    expect(words).toMatchObject({ code: 0, stderr: '' })
    expect(words.stdout).toMatch(/^fanfare .* 127\.0\.0\.1:\d+ {2}up .*\nconnections 0 /)
    expect(words.stdout).toMatch(/^relay +0 +0 /m)
    expect(words.stdout).not.toContain(KEY)

    const json = await run(['top', `127.0.0.1:${admin}`, '--once', '--json'], {
      env: { FANFARE_MANAGEMENT__KEY: KEY },
    })
    expect(json.code).toBe(0)
    const found = JSON.parse(json.stdout) as Snapshot & { nodes: Record<string, unknown> }
    expect(found.doors.find(({ name }) => name === 'relay')?.published).toBe(1)
    expect(Object.keys(found.nodes)).toEqual(['local'])
  })

  it('says what is missing: a server, its key, or that it is another port', async () => {
    const { port } = await startServer()
    const { admin } = await startManaged(`key: ${KEY}`)
    const keyless = await run(['top', `127.0.0.1:${admin}`, '--once'])
    expect(keyless.code).toBe(1)
    expect(keyless.stderr).toMatch(/^fanfare: http:\S+ needs its key .*--access-key.*\n$/)
    const other = await run(['top', `127.0.0.1:${port}`])
    expect(other.code).toBe(1)
    expect(other.stderr).toMatch(/^fanfare: http:\S+ refuses: .*\n$/)
    const { server, port: gone } = await startServer()
    await server.stop()
    const none = await run(['top', `127.0.0.1:${gone}`])
    expect(none.code).toBe(1)
    expect(none.stderr).toMatch(/no server at http:\S+: nothing listens there\. Is it running/)
  })

  it('draws on a terminal until q, and leaves it as it was', async () => {
    const { admin } = await startManaged()
    const script = `
import os, pty, select, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
quit = False
while True:
    try:
        piece = os.read(fd, 65536)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    if not quit and seen.count(b'\\x1b[?2026l') >= 2:
        os.write(fd, b'q')
        quit = True
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`
    const args = ['-c', script, process.execPath, MAIN, 'top', `127.0.0.1:${admin}`]
    const terminal = new Running('python3', args, { env: { TERM: 'xterm' } })
    expect(await terminal.ended(), terminal.stderr).toBe(0)
    const { stdout } = terminal
    expect(stdout.startsWith('\u001b[?1049h\u001b[?25l\u001b[?2026h\u001b[H')).toBe(true)
    expect(stdout.endsWith('\u001b[?25h\u001b[?1049l')).toBe(true)
    expect(stdout).toContain('q quits')
    // Nothing is cleared before it is drawn anew: that would flicker.
    expect(stdout).not.toContain('\u001b[2J')
  })
})
