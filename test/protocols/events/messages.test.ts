import { describe, expect, it } from 'vitest'
import { PATHS, startServer } from '../../support/server.ts'
import { EventsClient, publish, publishTogether } from './events-client.ts'

const BYTES = Buffer.from([0xff, 0xfe, 0x00, 0x80])

describe.each(PATHS)('messages of an event stream over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('come with their id, and the body as data', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a')
    const id = await publish(port, 'a', 'Hello world!')
    expect((await stream.chunk()).toString()).toBe(`id: ${id}\ndata: Hello world!\n\n`)
  })

  it.each([
    ['LF', 'a\nb', 'data: a\ndata: b\n\n'],
    ['CR LF', 'a\r\nb', 'data: a\ndata: b\n\n'],
    ['CR', 'a\rb', 'data: a\ndata: b\n\n'],
    ['CR CR LF LF', 'a\r\r\n\nb', 'data: a\ndata: \ndata: \ndata: b\n\n'],
    ['a line end at the end', 'a\n', 'data: a\ndata: \n\n'],
    ['a line end at the beginning', '\r\na', 'data: \ndata: a\n\n'],
    ['nothing but a line end', '\r', 'data: \ndata: \n\n'],
    ['nothing', '', 'data: \n\n'],
    ['a space in front', ' a', 'data:  a\n\n'],
    ['a colon in front', ':a', 'data: :a\n\n'],
    ['what looks like a field', 'id: 7\n\nevent: x', 'data: id: 7\ndata: \ndata: event: x\n\n'],
    ['a zero byte', 'a\0b', 'data: a\0b\n\n'],
    ['UTF-8', 'ä☃😀', 'data: ä☃😀\n\n'],
  ])('keep their lines: %s', async (_, body, written) => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a')
    const id = await publish(port, 'a', body)
    expect((await stream.chunk()).toString()).toBe(`id: ${id}\n${written}`)
  })

  it('keep bytes that are not UTF-8', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a')
    const id = await publish(port, 'a', BYTES)
    const written = Buffer.concat([Buffer.from(`id: ${id}\ndata: `), BYTES, Buffer.from('\n\n')])
    expect(await stream.chunk()).toEqual(written)
  })

  it('of one turn come in one chunk', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a')
    await publishTogether(port, 'a', [{ body: 'one' }, { body: 'two' }, { body: 'three' }])
    const chunk = (await stream.chunk()).toString()
    expect(chunk.match(/data: \w+/g)).toEqual(['data: one', 'data: two', 'data: three'])
  })

  it('have the type that their publisher gave', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a')
    await publish(port, 'a', 'x', { 'X-EventSource-Event': 'build' })
    await publishTogether(port, 'a', [{ body: 'y', attributes: { event: 'größer' } }])

    const [plain, text] = [await stream.block(), await stream.block()]

    expect(plain).toMatchObject({ event: 'build', data: 'x' })
    expect(text).toMatchObject({ event: 'größer', data: 'y' })
  })

  it.each([
    ['a line end', 'a\ndata: forged\r\n\nid: 9', 'event: a data: forged id: 9'],
    ['a zero byte', 'a\0b', 'event: a\0b'],
  ])('cannot forge lines by their type: %s', async (_, event, line) => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a?format=json')
    await publishTogether(port, 'a', [{ body: 'x', attributes: { event } }])
    const { lines } = await stream.block()
    expect(lines.slice(1, -1)).toEqual([line])
    expect(lines).toHaveLength(3)
  })

  it("cannot pass for the server's word of a gap", async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a')
    await publish(port, 'a', 'x', { 'X-EventSource-Event': 'gap' })
    expect(await stream.block()).toMatchObject({ event: undefined, data: 'x' })
  })
})

describe.each(PATHS)('the JSON form of an event stream over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('says everything that is known of a message', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a?format=json')
    const id = await publish(port, 'a', 'hello\n"you"', { 'Content-Type': 'text/plain' })

    const { lines } = await stream.block()

    const second = Number(id.split('-')[0])
    const time = Number(/"time":(\d+)/.exec(lines[1] ?? '')?.[1])
    expect(Math.floor(time / 1000)).toBe(second)
    expect(lines).toEqual([
      `id: ${id}`,
      `data: {"id":"${id}","channel":"a","time":${time},"type":"text/plain","body":"hello\\n\\"you\\""}`,
    ])
  })

  it('marks a body that is not UTF-8 as base64', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a?format=json')
    await publish(port, 'a', BYTES)
    const { data = '' } = await stream.block()
    expect(JSON.parse(data)).toMatchObject({ body: '//4AgA==', encoding: 'base64' })
  })

  it('passes data on as it was written, on one line', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a?format=json')
    const data = '{"z":1,"a":12345678901234567890, "e":1.0e5,"s":"\\u00e4"}'
    const line = `{"body":"built","data":${data},"attributes":{"event":"build","url":"u"}}`
    await publish(port, 'a', line, { 'Content-Type': 'application/x-ndjson' })

    const block = await stream.block()

    expect(block.lines).toHaveLength(3)
    expect(block.event).toBe('build')
    expect(block.data).toContain(`,"data":${data},"attributes":{"event":"build","url":"u"}}`)
  })

  it('gives a JSON body once, as the body', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a?format=json')
    await publish(port, 'a', '{"n": 1,\r\n"m": 2}', { 'Content-Type': 'application/json' })
    const { data = '' } = await stream.block()
    expect(JSON.parse(data)).toMatchObject({ body: '{"n": 1,\r\n"m": 2}' })
    expect(data).not.toContain('"data"')
  })

  it('is chosen by the last of several, and text is the default', async () => {
    const { port } = await start()
    const json = await EventsClient.follow(port, '/events/a?format=text&format=json')
    const text = await EventsClient.follow(port, '/events/a?format=text')
    await publish(port, 'a', 'x')
    expect((await json.block()).data).toMatch(/^\{"id"/)
    expect((await text.block()).data).toBe('x')
  })
})
