import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventStreamParser } from '../../../src/client/event-stream.ts'
import { channelFromText } from '../../../src/model/channel.ts'
import { makeId } from '../../../src/model/id.ts'
import { Message } from '../../../src/model/message.ts'
import { EventsEncoder } from '../../../src/protocols/events/codec.ts'

const CHANNEL = channelFromText('a') ?? expect.fail()
const BARE = new EventsEncoder({ json: false, chunked: false, single: true })
const CHUNKED = new EventsEncoder({ json: false, chunked: true, single: true })
const JSON_FORM = new EventsEncoder({ json: true, chunked: false, single: true })

function message(body: string, event?: string): Message {
  const attributes = event === undefined ? undefined : { event }
  const draft = { channel: CHANNEL, body: Buffer.from(body), attributes }
  return new Message(makeId(1_700_000_000, 7), 1_700_000_000_123, draft)
}

function parsed(bytes: Buffer): { type: string; data: string; id: string }[] {
  return new EventStreamParser().push(bytes.toString())
}

/** Texts of the characters that mean something to the format, and of any others. */
const text = fc.string({
  unit: fc.oneof(fc.constantFrom('\r', '\n', ':', ' ', 'data: ', 'id: 1'), fc.string()),
})

describe('the encoder of server-sent events', () => {
  it('gives every body as clients read it: with all line ends as LF', () => {
    fc.assert(
      fc.property(text, (body) => {
        const [event, ...others] = parsed(BARE.encode([message(body)]))
        expect(event?.data).toBe(Buffer.from(body).toString().replace(/\r\n?/g, '\n'))
        expect(event?.id).toBe('1700000000-7')
        expect(others).toEqual([])
      }),
    )
  })

  it('gives every body in the JSON form as it is', () => {
    fc.assert(
      fc.property(text, (body) => {
        const [event, ...others] = parsed(JSON_FORM.encode([message(body)]))
        const { body: given } = JSON.parse(event?.data ?? '') as { body: string }
        expect(given).toBe(Buffer.from(body).toString())
        expect(others).toEqual([])
      }),
    )
  })

  it('gives any type without letting it break out of its line', () => {
    fc.assert(
      fc.property(text, text, (body, type) => {
        const events = parsed(JSON_FORM.encode([message(body, type)]))
        expect(events).toHaveLength(1)
        expect(events[0]?.id).toBe('1700000000-7')
      }),
    )
  })

  it('makes one chunk of a batch, of the length that it says in bytes', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (bodies) => {
        const messages = bodies.map((body) => message(body))
        const bare = BARE.encode(messages)
        const size = `${bare.length.toString(16)}\r\n`
        const whole = Buffer.concat([Buffer.from(size), bare, Buffer.from('\r\n')])
        expect(CHUNKED.encode(messages).equals(whole)).toBe(true)
      }),
    )
  })

  it('tells a gap before the messages', () => {
    const gap = { from: makeId(5, 0), to: makeId(6, 1) }
    expect(BARE.encode([message('x')], gap).toString()).toBe(
      'event: gap\ndata: {"from":"5-0","to":"6-1"}\n\nid: 1700000000-7\ndata: x\n\n',
    )
  })

  it('gives a gap without messages an id, for one channel', () => {
    const gap = { from: makeId(5, 0), to: makeId(6, 1) }
    const several = new EventsEncoder({ json: false, chunked: false, single: false })
    const told = 'event: gap\ndata: {"from":"5-0","to":"6-1"}\n\n'
    expect(BARE.encode([], gap).toString()).toBe(`id: 6-1\n${told}`)
    expect(several.encode([], gap).toString()).toBe(told)
  })

  it('has a key for each form: no two share an audience', () => {
    const keys = [true, false].flatMap((json) =>
      [true, false].flatMap((chunked) =>
        [true, false].map((single) => new EventsEncoder({ json, chunked, single }).key),
      ),
    )
    expect(new Set(keys).size).toBe(8)
  })
})
