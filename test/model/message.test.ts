import { describe, expect, it } from 'vitest'
import type { ChannelName } from '../../src/model/channel.ts'
import { makeId } from '../../src/model/id.ts'
import { bytesOf, type Draft, isJsonType, Message } from '../../src/model/message.ts'

function message(body: string | Buffer, more: Partial<Draft> = {}): Message {
  const channel = 'a' as ChannelName
  return new Message(makeId(1, 0), 1_000, { channel, body: Buffer.from(body as string), ...more })
}

describe('the data of a message', () => {
  it('is what was published beside the body, as it was published', () => {
    const one = message('{"body":1}', { data: '{ "data" : 1 }', contentType: 'text/plain' })

    expect(one.data).toBe('{ "data" : 1 }')
    expect(one.ownData).toBe('{ "data" : 1 }')
  })

  it.each<[string, string | undefined, string | undefined]>([
    // Without a content type: what parses to an object or an array.
    ['{"a":1}', undefined, '{"a":1}'],
    [' \r\n\t[1, 2] ', undefined, ' \r\n\t[1, 2] '],
    ['"text"', undefined, undefined],
    ['12', undefined, undefined],
    ['null', undefined, undefined],
    ['{"a":', undefined, undefined],
    ['[1] trailing', undefined, undefined],
    ['', undefined, undefined],
    ['   ', undefined, undefined],
    // With one that says JSON: whatever parses.
    ['"text"', 'application/json', '"text"'],
    ['12', 'application/json; charset=utf-8', '12'],
    ['null', 'application/problem+json', 'null'],
    ['{"a":', 'application/json', undefined],
    ['', 'application/json', undefined],
    // With another: nothing.
    ['{"a":1}', 'text/plain', undefined],
    ['{"a":1}', '', undefined],
  ])('of the body %j of type %s is %j', (body, contentType, data) => {
    const one = message(body, { contentType })

    expect(one.data).toBe(data)
    expect(one.data).toBe(data)
    expect(one.ownData).toBeUndefined()
  })

  it('is parsed once, and only when somebody asks', () => {
    const body = Buffer.from('{"a":1}')
    let read = 0
    const toString = body.toString.bind(body)
    body.toString = (encoding) => {
      read++
      return toString(encoding)
    }
    const one = new Message(makeId(1, 0), 1_000, { channel: 'a' as ChannelName, body })

    expect(read).toBe(0)
    expect([one.bodyIsJson, one.bodyIsJson]).toEqual([true, true])
    expect(read).toBe(1)
  })
})

describe('isJsonType', () => {
  it.each([
    'application/json',
    'Application/JSON',
    ' application/json ; charset=utf-8',
    'text/json',
    'application/ld+json',
    'application/vnd.github.v3+json',
  ])('takes %s', (type) => expect(isJsonType(type)).toBe(true))

  it.each([
    'application/jsonp',
    'application/x-json',
    'application/json-seq',
    'text/plain; application/json',
    'json',
    '',
    'image/json+svg',
  ])('does not take %j', (type) => expect(isJsonType(type)).toBe(false))
})

describe('a message', () => {
  it('runs out its seconds after it was stored, or never', () => {
    expect(message('x', { ttl: 5 }).expires).toBe(6_000)
    expect(message('x', { ttl: 0 }).expires).toBe(1_000)
    expect(message('x').expires).toBe(0)
  })

  it('weighs what is sent of it, and costs more than that', () => {
    const bare = message('12345')
    const full = message('12345', { data: '{"a":1}', attributes: { ab: 'cd', e: '' } })

    expect(bare.weight).toBe(5)
    expect(full.weight).toBe(5 + 7 + 5)
    expect(full.size - full.weight).toBe(bare.size - bare.weight)
    expect(bare.size).toBeGreaterThan(bare.weight + 100)
  })

  it('takes the name that the store keeps', () => {
    const draft = { channel: 'a' as ChannelName, body: Buffer.from('x') }
    expect(new Message(makeId(1, 0), 1, draft, 'b' as ChannelName).channel).toBe('b')
    expect(new Message(makeId(1, 0), 1, draft).channel).toBe('a')
  })
})

describe('the body of a message', () => {
  const block = Buffer.from('xxhellox')

  it('may lie in a block with others', () => {
    const body = { block, from: 2, length: 5 }
    const one = new Message(makeId(1, 0), 1_000, { channel: 'a' as ChannelName, body })
    expect(one.body.toString()).toBe('hello')
    expect(one.weight).toBe(5)
    expect(bytesOf(body).toString()).toBe('hello')
  })

  it('is the very Buffer that it was published as, where it has one', () => {
    const one = new Message(makeId(1, 0), 1_000, { channel: 'a' as ChannelName, body: block })
    expect(one.body).toBe(block)
    expect(bytesOf(block)).toBe(block)
  })
})
