/** Frames that are wrong, or hostile: the sender gets a clear answer, and nobody else notices. */
import { describe, expect, it } from 'vitest'
import { PATHS, startServer } from '../../support/server.ts'
import { publish } from '../events/events-client.ts'
import { BINARY, clientFrame, FrameClient, PING, PONG, TEXT } from './frame-client.ts'

/** Deep enough for the stack of whatever would walk it. */
const DEEP = '['.repeat(200_000) + ']'.repeat(200_000)

describe.each(PATHS)('a frame that is wrong over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it.each([
    ['no JSON', 'hello', 'bad_request', 'one JSON object'],
    ['nothing', '', 'bad_request', 'one JSON object'],
    ['half an object', '{"ping":1', 'bad_request', 'one JSON object'],
    ['a list', '[{"ping":1}]', 'bad_request', 'one JSON object'],
    ['null', 'null', 'bad_request', 'one JSON object'],
    ['an object without a verb', '{}', 'bad_request', 'subscribe, unsubscribe, publish, ping'],
    ['two verbs', '{"ping":1,"subscribe":"a"}', 'bad_request', 'subscribe, unsubscribe'],
    ['an unknown key', '{"subscribe":"a","snice":"all"}', 'bad_request', '"snice"'],
    ['an unknown key of ping', '{"ping":1,"x":1}', 'bad_request', '"x"'],
    ['an unknown field', '{"publish":"a","body":"x","tll":1}', 'bad_message', '"tll"'],
    ['a number for a channel', '{"subscribe":5}', 'bad_channel', '1 to 512 bytes'],
    ['a list with a number', '{"subscribe":["a",5]}', 'bad_channel', '1 to 512 bytes'],
    ['no channel', '{"subscribe":[]}', 'bad_channel', 'at least one'],
    ['an empty channel', '{"unsubscribe":""}', 'bad_channel', '1 to 512 bytes'],
    ['an empty publish', '{"publish":"/","body":"x"}', 'bad_channel', '1 to 512 bytes'],
    ['a long channel', `{"subscribe":"${'ä'.repeat(257)}"}`, 'bad_channel', '512'],
    ['a cursor that is none', '{"subscribe":"a","since":"x"}', 'bad_cursor', 'unix time'],
    ['a cursor of another type', '{"subscribe":"a","since":[1]}', 'bad_cursor', 'cursor'],
    ['a negative cursor', '{"subscribe":"a","since":-1}', 'bad_cursor', 'unix time'],
    ['a message without a body', '{"publish":"a"}', 'bad_message', 'body'],
    ['a body that is no text', '{"publish":"a","body":{}}', 'bad_message', 'data'],
    ['bad base64', '{"publish":"a","body":"a!","encoding":"base64"}', 'bad_message', 'base64'],
    ['a ttl that is none', '{"publish":"a","body":"x","ttl":1.5}', 'bad_expiry', 'seconds'],
    ['an empty key', '{"publish":"a","body":"x","key":""}', 'bad_key', '255'],
    ['a ref that is a list', '{"ping":1,"ref":[1]}', 'bad_request', 'ref'],
    ['a ref that is long', `{"ping":1,"ref":"${'x'.repeat(257)}"}`, 'bad_request', 'ref'],
    ['a ref that is deep', `{"ping":1,"ref":${DEEP}}`, 'bad_request', 'ref'],
    ['a bad frame with such a ref', `{"x":1,"ref":${DEEP}}`, 'bad_request', 'ref'],
  ])('is answered with an error, and the connection goes on: %s', async (_, text, code, words) => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    const { error } = (await client.ask(text)) as { error: { code: string; message: string } }
    expect(error.code).toBe(code)
    expect(error.message).toContain(words)
    expect(await client.ask({ ping: 1 })).toHaveProperty('pong')
  })

  it('gives the ref back where there is one', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    expect(await client.ask({ nonsense: 1, ref: 'mine' })).toMatchObject({ ref: 'mine' })
    expect(await client.ask({ subscribe: '', ref: 0 })).toMatchObject({ ref: 0 })
  })

  it('is not answered with all of itself', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    const key = 'k'.repeat(100_000)
    for (const frame of [
      { ping: 1, [key]: 1 },
      { publish: 'a', body: '', [key]: 1 },
    ]) {
      client.send(frame)
      expect((await client.text()).length).toBeLessThan(500)
    }
  })

  it('that names a million channels costs nothing', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    const names = Array.from({ length: 1_000_000 }, (_, n) => String(n))
    for (const verb of ['subscribe', 'unsubscribe']) {
      client.send({ [verb]: names })
      expect(await client.json()).toMatchObject({ error: { code: 'too_many' } })
    }
  })

  it('does not disturb the others', async () => {
    const { port } = await start()
    const listener = await FrameClient.open(port, '/ws/a')
    await listener.json()
    const client = await FrameClient.open(port)
    client.send('{')
    client.raw.send(Buffer.from([0xff, 0xff, 0xff, 0xff]))
    await publish(port, 'a', 'x')
    expect(await listener.bodies(1)).toEqual(['x'])
  })

  it('and keys that objects have by nature are keys like others', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    for (const key of ['__proto__', 'constructor', 'toString']) {
      const answer = await client.ask(`{"ping":1,"${key}":{"ref":"forged"}}`)
      expect(answer).toMatchObject({ error: { code: 'bad_request' } })
      expect(answer).not.toHaveProperty('ref')
    }
  })
})

/** A part of a fragmented frame. */
function part(first: number, text: string): Buffer {
  const frame = clientFrame(0, Buffer.from(text))
  frame[0] = first
  return frame
}

describe.each(PATHS)('the frames of the protocol over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('are text: binary closes with 1003', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    client.sendFrame(BINARY, Buffer.from('{"ping":1}'))
    expect(await client.closed()).toEqual({ code: 1003, reason: 'frames are JSON text' })
  })

  it.each([
    ['text that is not UTF-8', clientFrame(TEXT, Buffer.from([0x22, 0xff, 0x22])), 1007],
    ['reserved bits', Buffer.from([0xf1, 0x80, 0, 0, 0, 0]), 1002],
    ['an unknown opcode', Buffer.from([0x83, 0x80, 0, 0, 0, 0]), 1002],
    ['no mask', Buffer.from([0x81, 0x02, 0x7b, 0x7d]), 1002],
    ['a continuation of nothing', Buffer.from([0x80, 0x80, 0, 0, 0, 0]), 1002],
    ['a length beyond all bounds', Buffer.from('81ff7fffffffffffffff00000000', 'hex'), 1009],
  ])('are legal ones: %s', async (_, bytes, code) => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    client.raw.send(bytes)
    expect((await client.closed()).code).toBe(code)
  })

  it('are no larger than limits.maxBodyBytes can need: 1009 before they arrive', async () => {
    const { port } = await start('limits: { maxBodyBytes: 1000 }')
    const client = await FrameClient.open(port)
    // Only the head of a frame of 1 MiB.
    client.raw.send(Buffer.from('81ff000000000010000000000000', 'hex'))
    expect((await client.closed()).code).toBe(1009)
  })

  it('may be fragmented, with pings in between', async () => {
    const { port } = await start('limits: { heartbeat: 0 }')
    const client = await FrameClient.open(port)
    client.raw.send(part(TEXT, '{"pi'))
    client.sendFrame(PING, Buffer.from('hi'))
    client.raw.send(part(0x80, 'ng":1}'))
    expect(await client.frame()).toMatchObject({ opcode: PONG, payload: Buffer.from('hi') })
    expect(await client.json()).toHaveProperty('pong')
  })

  it('may come in pieces of one byte', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    client.raw.socket.setNoDelay(true)
    for (const byte of clientFrame(TEXT, Buffer.from('{"ping":"ä"}'))) {
      client.raw.send(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await client.json()).toHaveProperty('pong')
  })

  it('that are long have long lengths', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port, '/ws/a')
    await client.json()
    // Around 125 and 65,535 bytes of payload, where the form of the length changes.
    await publish(port, 'a', '')
    const empty = (await client.text()).length
    for (const length of [125, 126, 127, 65_535, 65_536, 65_537]) {
      await publish(port, 'a', 'x'.repeat(length - empty))
      expect(await client.text()).toHaveLength(length)
    }
  })
})
