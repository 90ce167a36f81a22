/** Other people's clients for Node.js and the shell: eventsource, ws, curl. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { EventSource } from 'eventsource'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { Proxy } from '../client/proxy.ts'
import { publish } from '../protocols/events/events-client.ts'
import { PATHS, startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const noCurl = process.env['FANFARE_TEST_MISSING']?.includes('curl') ?? false
const CONFIG = `
locations:
  - { type: publisher, prefix: /publisher/ }
  - { type: events, prefix: /events/, retry: 50ms }
  - { type: websocket, prefix: /ws/ }`

/** What it hears, as `[type, data, lastEventId]`. */
function listen(url: string): { source: EventSource; heard: [string, string, string][] } {
  const source = new EventSource(url)
  onTestFinished(() => source.close())
  const heard: [string, string, string][] = []
  for (const type of ['message', 'gap', 'build']) {
    source.addEventListener(type, ({ data, lastEventId }) => {
      heard.push([type, String(data), lastEventId])
    })
  }
  return { source, heard }
}

describe('the eventsource package', () => {
  it('gets every kind of message', async () => {
    const { port, url } = await startServer(CONFIG)
    const { source, heard } = listen(`${url}/events/a`)
    await once(source as never, 'open')
    const ids = []
    for (const body of ['one', 'two\rlines', '']) ids.push(await publish(port, 'a', body))
    ids.push(await publish(port, 'a', 'typed', { 'X-EventSource-Event': 'build' }))
    await until(() => heard.length === 4, 'all have come')
    expect(heard).toEqual([
      ['message', 'one', ids[0]],
      ['message', 'two\nlines', ids[1]],
      ['message', '', ids[2]],
      ['build', 'typed', ids[3]],
    ])
  })

  it('comes back where the connection is cut: nothing lost, nothing twice', async () => {
    const { port } = await startServer(CONFIG)
    const proxy = await Proxy.start(port)
    const { source, heard } = listen(proxy.url('/events/a').href)
    await once(source as never, 'open')
    const sent: string[] = []
    for (let round = 0; round < 4; round++) {
      for (let n = 0; n <= round; n++) sent.push(await publish(port, 'a', `${n}`))
      await until(() => heard.length === sent.length, 'all have come')
      proxy.cut()
      for (let n = 0; n < 3; n++) sent.push(await publish(port, 'a', `${n}`))
      await until(() => heard.length === sent.length, 'the others, too')
    }
    expect(heard.map(([, , id]) => id)).toEqual(sent)
    expect(proxy.connections).toBe(5)
  })

  it('is stopped for good by a 400', async () => {
    const { port } = await startServer(CONFIG)
    const proxy = await Proxy.start(port)
    const { source } = listen(proxy.url('/events/a?last=many').href)
    await once(source as never, 'error')
    expect(source.readyState).toBe(EventSource.CLOSED)
    expect(proxy.connections).toBe(1)
  })
})

describe('the example for Node.js in the documentation', () => {
  const EXAMPLE = /In Node\.js 20[^]*?```js\n([^]*?)```/.exec(
    readFileSync('docs/protocols/events.md', 'utf8'),
  )?.[1]

  function node(url: string): { output: () => string; ended: Promise<unknown[]> } {
    const code = EXAMPLE?.replace('http://localhost:8080/events/test', url).replace('3000', '30')
    const program = spawn(process.execPath, ['--input-type=module', '-e', code ?? ''])
    onTestFinished(() => void program.kill())
    let output = ''
    for (const stream of [program.stdout, program.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    }
    return { output: () => output, ended: once(program, 'close') }
  }

  it('works when pasted, over cut connections', async () => {
    const { port, server } = await startServer(CONFIG)
    const proxy = await Proxy.start(port)
    const { output } = node(proxy.url('/events/a').href)
    await until(() => server.hub().receivers('a' as never) === 1, 'it listens')
    await publish(port, 'a', 'one\ntwo')
    await until(() => output() === 'message one\ntwo\n', 'it has the first')
    proxy.cut()
    await publish(port, 'a', 'three', { 'X-EventSource-Event': 'build' })
    await until(() => output() === 'message one\ntwo\nbuild three\n', 'it has the second')
  })

  it('stops where it is refused', async () => {
    const { url } = await startServer(CONFIG)
    const { output, ended } = node(`${url}/events/a?since=x`)
    expect((await ended)[0]).toBe(1)
    expect(output()).toContain('bad_cursor')
  })
})

describe('the client of the ws package', () => {
  it('subscribes, publishes, hears, pings, and closes in agreement', async () => {
    const { port, server } = await startServer('limits: { heartbeat: 50ms }')
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/a`)
    onTestFinished(() => socket.terminate())
    const frames: Record<string, unknown>[] = []
    socket.on('message', (data) => {
      frames.push(JSON.parse((data as Buffer).toString()) as Record<string, unknown>)
    })
    await once(socket, 'open')
    socket.send(JSON.stringify({ publish: 'a', body: 'hello', ref: 1 }))
    await until(() => frames.length === 3, 'three frames have come')
    expect(frames[0]).toHaveProperty('subscribed', ['a'])
    expect(frames).toContainEqual(expect.objectContaining({ body: 'hello' }))
    expect(frames).toContainEqual(expect.objectContaining({ published: expect.any(String) }))

    await once(socket, 'ping')
    socket.ping('hi')
    expect(String(await once(socket, 'pong'))).toBe('hi')
    socket.close(1000, 'done')
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
    expect([code, reason.toString()]).toEqual([1000, 'done'])
    expect(server.hub().receivers('a' as never)).toBe(0)
  })

  it('that offers compression is served without', async () => {
    const { port } = await startServer()
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/a`, { perMessageDeflate: true })
    onTestFinished(() => socket.terminate())
    await once(socket, 'message')
    expect(socket.extensions).toBe('')
  })
})

describe.skipIf(noCurl).each(PATHS)('curl over $path', ({ lean }) => {
  it.each([[], ['--http1.0'], ['--compressed'], ['-H', 'Accept: text/event-stream']])(
    '-N prints messages as they come: %s',
    async (...flags) => {
      const { port, server, url } = await startServer(CONFIG, { lean })
      const curl = spawn('curl', ['-sN', ...flags, `${url}/events/a`])
      onTestFinished(() => void curl.kill())
      let output = ''
      curl.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
      await until(() => server.hub().receivers('a' as never) === 1, 'it listens')
      for (const body of ['one', 'two']) {
        const id = await publish(port, 'a', body)
        await until(() => output.endsWith(`id: ${id}\ndata: ${body}\n\n`), `${body} is printed`)
      }
      expect(output).toMatch(/^retry: 50\nid: \S+\n\n/)
    },
  )

  it('says why it was refused', async () => {
    const { url } = await startServer(CONFIG, { lean })
    const curl = spawn('curl', ['-sN', '--fail-with-body', `${url}/events/a?since=x`])
    let output = ''
    curl.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    const [code] = (await once(curl, 'close')) as [number]
    expect(code).toBe(22)
    expect(output).toMatch(/^400 bad_cursor: /)
  })
})
