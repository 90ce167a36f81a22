import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { request } from '../support/raw.ts'
import { parseMetrics, valueOf } from '../support/metrics.ts'
import { until } from '../support/wait.ts'
import { startManaged } from '../protocols/management/support.ts'
import { RawClient, requestBytes } from '../support/raw.ts'

const OPEN_METRICS = { Accept: 'application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1' }

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'fanfare-metrics-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function from(address: string): string {
  return `PROXY TCP4 ${address} 127.0.0.1 1 2\r\n`
}

describe('GET /metrics', () => {
  it('counts by door what went through it, on the wire and in the numbers alike', async () => {
    const { port, get } = await startManaged()
    const reader = await RawClient.connect(port)
    reader.send(requestBytes('GET', '/events/news', { Accept: 'text/event-stream' }))
    await until(() => reader.received.includes('200 OK'), 'the stream')
    await request(port, 'POST', '/publisher/news', {}, 'one')
    await request(port, 'POST', '/publisher/news', {}, 'two')
    await until(() => reader.received.includes('data: two'), 'both messages')

    const reply = await get('/metrics')

    expect(reply.status).toBe(200)
    expect(reply.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    const found = parseMetrics(reply.body.toString())
    const events = { door: 'events' }
    expect(valueOf(found, 'fanfare_messages_published_total', { door: 'relay' })).toBe(2)
    expect(valueOf(found, 'fanfare_messages_delivered_total', events)).toBe(2)
    expect(valueOf(found, 'fanfare_connections', events)).toBe(1)
    expect(valueOf(found, 'fanfare_connections_accepted_total', events)).toBe(1)
    expect(valueOf(found, 'fanfare_subscriptions', events)).toBe(1)
    expect(valueOf(found, 'fanfare_subscriptions_behind', events)).toBe(0)
    expect(valueOf(found, 'fanfare_flush_seconds_count', { store: 'default' })).toBe(2)
    expect(valueOf(found, 'fanfare_store_messages', { store: 'default' })).toBe(2)
    expect(valueOf(found, 'fanfare_ready')).toBe(1)
    reader.close()
  })

  it('counts connections of all ports, and those that were turned away, by cause', async () => {
    const { port, get } = await startManaged(
      '',
      'proxyProtocol: true\ntrustedProxies: [127.0.0.1]\nlimits: { maxConnections: 2, maxConnectionsPerAddress: 1 }',
    )
    const follow = requestBytes('GET', '/events/news').toString('latin1')
    const first = await RawClient.connect(port)
    first.send(from('192.0.2.1') + follow)
    await first.until(() => first.received.includes('200 OK'))
    const same = await RawClient.connect(port)
    same.send(from('192.0.2.1') + follow)
    await same.rest()
    const wrong = await RawClient.connect(port)
    wrong.send(follow)
    await wrong.rest()
    const other = await RawClient.connect(port)
    other.send(from('192.0.2.2') + follow)
    await other.until(() => other.received.includes('200 OK'))
    await (await RawClient.connect(port)).rest()

    const found = parseMetrics((await get('/metrics')).body.toString())

    const refused = (cause: string) =>
      valueOf(found, 'fanfare_connections_refused_total', { cause })
    expect([refused('full'), refused('address'), refused('handshake')]).toEqual([1, 1, 1])
    // The management port has room of its own.
    expect(valueOf(found, 'fanfare_open_connections')).toBe(3)
    expect(valueOf(found, 'fanfare_max_connections')).toBe(2)
    expect(valueOf(found, 'fanfare_connections_cut_total')).toBe(0)
    expect(valueOf(found, 'fanfare_unsent_bytes')).toBe(0)
  })

  it('measures what waits for a disk, and how that is', async () => {
    const { port, get } = await startManaged(
      '',
      `store: { type: file, path: ${folder()}, durability: always }`,
    )
    await request(port, 'POST', '/publisher/news', {}, 'one')
    const replay = await request(port, 'GET', '/subscriber/news', { 'If-None-Match': '0' })
    expect(replay.body.toString()).toContain('one')

    const found = parseMetrics((await get('/metrics')).body.toString())

    const store = { store: 'default' }
    expect(valueOf(found, 'fanfare_publish_stored_seconds_count', store)).toBe(1)
    expect(valueOf(found, 'fanfare_publish_stored_seconds_sum', store)).toBeGreaterThan(0)
    expect(valueOf(found, 'fanfare_store_sync_seconds_count', store)).toBe(1)
    expect(valueOf(found, 'fanfare_catchup_read_seconds_count', store)).toBeGreaterThan(0)
    expect(valueOf(found, 'fanfare_store_segments', store)).toBe(1)
    expect(valueOf(found, 'fanfare_store_disk_bytes', store)).toBeGreaterThan(0)
    const oldest = valueOf(found, 'fanfare_store_oldest_message_timestamp_seconds', store) ?? 0
    expect(Math.abs(Date.now() / 1000 - oldest)).toBeLessThan(600)
  })

  it('tells how the process is, from the first scrape on', async () => {
    const { get } = await startManaged()
    await get('/metrics')
    let found: ReturnType<typeof parseMetrics> = new Map()
    // The loop was looked at meanwhile.
    for (;;) {
      found = parseMetrics((await get('/metrics')).body.toString())
      if ((valueOf(found, 'fanfare_event_loop_delay_seconds_count') ?? 0) > 0) break
    }
    expect(valueOf(found, 'fanfare_event_loop_delay_seconds', { quantile: '0.99' })).toBeDefined()
    expect(valueOf(found, 'fanfare_event_loop_active_seconds_total')).toBeGreaterThan(0)
    expect(valueOf(found, 'process_resident_memory_bytes')).toBeGreaterThan(2 ** 20)
    expect(valueOf(found, 'process_open_fds')).toBeGreaterThan(3)
    expect(valueOf(found, 'process_start_time_seconds')).toBeLessThan(Date.now() / 1000)
    const build = found.get('fanfare_build_info')?.samples[0]
    expect(build?.labels).toMatchObject({ node: 'local', node_version: process.version })
  })

  it('is OpenMetrics for whoever asks for that', async () => {
    const { get } = await startManaged()
    const reply = await get('/metrics', OPEN_METRICS)
    const text = reply.body.toString()
    expect(reply.headers['content-type']).toBe(
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    )
    expect(text.endsWith('# EOF\n')).toBe(true)
    const found = parseMetrics(text)
    expect(found.get('fanfare_messages_published')?.type).toBe('counter')
    expect(found.get('fanfare_build')?.type).toBe('info')
    expect(valueOf(found, 'fanfare_messages_published_total', { door: 'relay' })).toBe(0)
  })

  it('names nothing that clients choose', async () => {
    const { port, get } = await startManaged()
    await request(port, 'POST', '/publisher/secret-channel', {}, 'x')
    await request(port, 'GET', '/nowhere-at-all', {})
    const found = parseMetrics((await get('/metrics')).body.toString())
    const labels = new Set(
      [...found.values()].flatMap(({ samples }) =>
        samples.flatMap((one) => Object.keys(one.labels)),
      ),
    )
    const known = ['cause', 'door', 'kind', 'le', 'node', 'node_version', 'quantile']
    expect([...labels].sort()).toEqual(
      [...known, 'store', 'version'].filter((label) => label !== 'kind' || labels.has('kind')),
    )
  })

  it('needs the key, as every call of the port does', async () => {
    const { get } = await startManaged('key: 0123456789abcdef')
    expect((await get('/metrics')).status).toBe(401)
    const Authorization = 'Bearer 0123456789abcdef'
    expect((await get('/metrics', { Authorization })).status).toBe(200)
  })

  it.skipIf(spawnSync('promtool', ['--version']).status !== 0)(
    'is what promtool takes without a complaint',
    async () => {
      const { port, get } = await startManaged()
      await request(port, 'POST', '/publisher/news', {}, 'x')
      await get('/metrics')
      const { body } = await get('/metrics')
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: body,
      })
      expect(`${String(stdout)}${String(stderr)}`).toBe('')
      expect(status).toBe(0)
    },
  )
})

it.each([true, false])(
  'what is too large is told as other errors of the port (%s)',
  async (lean) => {
    const { post } = await startManaged('', 'limits: { maxBodyBytes: 1KiB }', lean)
    const reply = await post('/channel/publish', { channelId: 'a', message: 'x'.repeat(70_000) })
    expect(reply.status).toBe(413)
    expect(reply.headers['content-type']).toBe('application/json')
    expect(JSON.parse(reply.body.toString())).toMatchObject({
      error: { code: 'too_large', help: expect.any(String) as string },
    })
  },
)
