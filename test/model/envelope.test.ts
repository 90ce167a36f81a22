import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { type ChannelName, channelFromBytes } from '../../src/model/channel.ts'
import { draftOf, envelopeOf } from '../../src/model/envelope.ts'
import { FanfareError } from '../../src/model/errors.ts'
import { makeId } from '../../src/model/id.ts'
import { bytesOf, type Draft, Message } from '../../src/model/message.ts'

const CHANNEL = 'a' as ChannelName

function envelope(draft: Partial<Draft>): string {
  const whole = { channel: CHANNEL, body: Buffer.alloc(0), ...draft }
  return envelopeOf(new Message(makeId(1_700_000_000, 3), 1_700_000_000_456, whole))
}

function read(text: string, extra?: readonly string[]): Draft {
  return draftOf(JSON.parse(text), text, CHANNEL, extra)
}

describe('the envelope of a message', () => {
  it('has its parts in one order', () => {
    const text = envelope({
      body: Buffer.from('hi'),
      contentType: 'text/plain',
      data: '{"n":1}',
      attributes: { event: 'e' },
    })
    expect(text).toBe(
      '{"id":"1700000000-3","channel":"a","time":1700000000456,"type":"text/plain",' +
        '"body":"hi","data":{"n":1},"attributes":{"event":"e"}}',
    )
  })

  it('leaves out what there is not', () => {
    expect(envelope({})).toBe('{"id":"1700000000-3","channel":"a","time":1700000000456,"body":""}')
  })

  it.each([
    ['the first byte of two', [0xc3]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['too long a form', [0xc0, 0xaf]],
    ['any bytes', [0, 0xff, 0x80]],
  ])('has what is not UTF-8 as base64: %s', (_, bytes) => {
    const body = Buffer.from(bytes)
    expect(JSON.parse(envelope({ body }))).toMatchObject({
      body: body.toString('base64'),
      encoding: 'base64',
    })
  })

  it.each(['ä☃😀', '\0\u001b\u2028', '"\\\r\n', '\u{feff}x'])('has text as text: %j', (text) => {
    const parsed = JSON.parse(envelope({ body: Buffer.from(text) })) as object
    expect(parsed).toMatchObject({ body: text })
    expect(parsed).not.toHaveProperty('encoding')
  })

  it('is one line, also where the data was several', () => {
    const text = envelope({ data: '{\r\n  "a":\n\n1,\r"b":"\\n"}' })
    expect(text).not.toMatch(/[\r\n]/)
    expect(JSON.parse(text)).toMatchObject({ data: { a: 1, b: '\n' } })
  })

  it('shows a name as text, and bytes that are none as U+FFFD', () => {
    const channel = channelFromBytes('\xc3\xa4/\xff"')
    expect(JSON.parse(envelope({ ...(channel && { channel }) }))).toMatchObject({
      channel: 'ä/\u{fffd}"',
    })
  })

  it('has every attribute, whatever it is called', () => {
    const { attributes } = read('{"body":"","attributes":{"__proto__":"x","constructor":"y"}}')
    const text = envelope({ attributes })
    expect(text).toContain('"attributes":{"__proto__":"x","constructor":"y"}')
  })
})

describe('a message as a publisher writes it', () => {
  it('may be all that there is', () => {
    const text =
      '{"body":"hi","type":"text/plain","data":[1.0],"attributes":{"url":"u"},"ttl":5,"key":"k"}'
    expect(read(text)).toEqual({
      channel: CHANNEL,
      body: Buffer.from('hi'),
      contentType: 'text/plain',
      data: '[1.0]',
      attributes: { url: 'u' },
      ttl: 5,
      key: 'k',
    })
  })

  it('is its data where that comes alone: a JSON message like any other', () => {
    const draft = read('{"data": {"n": 1} }')
    expect(draft).toMatchObject({ contentType: 'application/json', data: undefined })
    expect(bytesOf(draft.body).toString()).toBe('{"n": 1}')
  })

  it('may be data of another type', () => {
    const draft = read('{"data":{"n":1},"type":"application/vnd.x+json"}')
    expect(draft).toMatchObject({ contentType: 'application/vnd.x+json', data: '{"n":1}' })
    expect(bytesOf(draft.body).toString()).toBe('{"n":1}')
  })

  it('may have null as its data', () => {
    expect(read('{"body":"x","data":null}').data).toBe('null')
  })

  it.each([
    ['', ''],
    ['/wAB', 'ff0001'],
    ['/w==', 'ff'],
    ['/w', 'ff'],
    ['/wA=', 'ff00'],
  ])('may have its body in base64: %j', (base64, hex) => {
    const { body } = read(JSON.stringify({ body: base64, encoding: 'base64' }))
    expect(bytesOf(body).toString('hex')).toBe(hex)
  })

  it.each(['A', 'A=', '=', '==', '/w=', '/w===', 'AAAA=', 'AA AA', 'AA\n', '-_8=', 'AA==AA=='])(
    'may not have it in what is no base64: %j',
    (base64) => {
      const text = JSON.stringify({ body: base64, encoding: 'base64' })
      expect(() => read(text)).toThrow('`body` is not base64')
    },
  )

  it('takes a large body in base64', () => {
    const body = Buffer.alloc(6 * 2 ** 20, 7)
    const text = JSON.stringify({ body: body.toString('base64'), encoding: 'base64' })
    expect(bytesOf(read(text).body).equals(body)).toBe(true)
  })

  it.each([
    ['[]', 'bad_message', 'JSON object'],
    ['null', 'bad_message', 'JSON object'],
    ['{}', 'bad_message', '`body`'],
    ['{"body":1}', 'bad_message', '`body` is a text'],
    ['{"body":null}', 'bad_message', '`body` is a text'],
    ['{"body":"x","encoding":"hex"}', 'bad_message', '`encoding`'],
    ['{"data":1,"encoding":"base64"}', 'bad_message', '`encoding`'],
    ['{"body":"x","type":1}', 'bad_message', '`type`'],
    ['{"body":"x","boddy":"y"}', 'bad_message', '"boddy"'],
    ['{"body":"x","attributes":[]}', 'bad_message', '`attributes`'],
    ['{"body":"x","attributes":{"n":1}}', 'bad_message', '"n"'],
    ['{"body":"x","attributes":{"a b":"c"}}', 'bad_message', '"a b"'],
    [`{"body":"x","attributes":{"a":"${'x'.repeat(4096)}"}}`, 'bad_message', '4096'],
    ['{"body":"x","ttl":"5"}', 'bad_message', '`ttl`'],
    ['{"body":"x","ttl":-1}', 'bad_expiry', 'seconds'],
    ['{"body":"x","ttl":0.5}', 'bad_expiry', 'seconds'],
    [`{"body":"x","key":"${'k'.repeat(256)}"}`, 'bad_key', '255'],
    ['{"body":"x","key":5}', 'bad_message', '`key`'],
  ])('is refused with what is wrong: %s', (text, code, words) => {
    let thrown: unknown
    try {
      read(text)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(FanfareError)
    expect(thrown).toMatchObject({ code, message: expect.stringContaining(words) as string })
  })

  it('may have further fields that its door reads', () => {
    expect(bytesOf(read('{"publish":"a","body":"x"}', ['publish']).body).toString()).toBe('x')
  })

  it('lives no longer than a year', () => {
    expect(read('{"body":"x","ttl":1e12}').ttl).toBe(366 * 24 * 3600)
  })

  it('does not keep the request alive that it came in', () => {
    const filler = 'ä'.repeat(2 ** 20)
    const drafts: Draft[] = []
    const before = heapInUse()
    for (let n = 0; n < 30; n++) {
      const value = { ref: `${n}${filler}`, body: 'x', data: `some data, number ${n}` }
      drafts.push(read(JSON.stringify(value), ['ref']))
    }
    expect(heapInUse() - before).toBeLessThan(2 ** 23)
    expect(drafts[29]?.data).toBe('"some data, number 29"')
  })
})

/** Bytes of the heap that something still holds. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}
