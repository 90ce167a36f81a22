import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytesToText,
  channelFromBytes,
  channelFromText,
  channelPath,
  MAX_CHANNEL_BYTES,
  percentDecode,
  textToBytes,
} from '../../src/model/channel.ts'

/** Any bytes, one character each. */
const bytes = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((list) => Buffer.from(list).toString('latin1'))

describe('channel names', () => {
  it('lose one leading slash, and no more', () => {
    expect(channelFromBytes('/a/b')).toBe('a/b')
    expect(channelFromBytes('a/b')).toBe('a/b')
    expect(channelFromBytes('//a')).toBe('/a')
    expect(channelFromBytes('a/')).toBe('a/')
  })

  it('have 1 to 512 bytes, the slash in front not counted', () => {
    expect(channelFromBytes('')).toBeUndefined()
    expect(channelFromBytes('/')).toBeUndefined()
    expect(channelFromBytes('//')).toBe('/')
    expect(channelFromBytes('x'.repeat(MAX_CHANNEL_BYTES))).toHaveLength(MAX_CHANNEL_BYTES)
    expect(channelFromBytes(`/${'x'.repeat(MAX_CHANNEL_BYTES)}`)).toHaveLength(MAX_CHANNEL_BYTES)
    expect(channelFromBytes('x'.repeat(MAX_CHANNEL_BYTES + 1))).toBeUndefined()
  })

  it('count bytes, not characters, when they come as text', () => {
    expect(channelFromText('é'.repeat(256))).toHaveLength(512)
    expect(channelFromText('é'.repeat(257))).toBeUndefined()
    expect(channelFromText('€'.repeat(171))).toBeUndefined()
    expect(channelFromText(`/${'é'.repeat(256)}`)).toHaveLength(512)
    expect(channelFromText('x'.repeat(10_000))).toBeUndefined()
  })

  it('come back as the text that they were', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), (text) => {
        fc.pre(!text.startsWith('/'))
        const channel = channelFromText(text)
        fc.pre(channel !== undefined)
        expect(bytesToText(channel)).toBe(text)
        expect(Buffer.from(channel, 'latin1').toString()).toBe(text)
      }),
    )
  })

  it('show bytes that are no text as such', () => {
    expect(bytesToText('a\xff')).toBe('a\ufffd')
    expect(bytesToText('\xe2\x82\xac')).toBe('€')
    expect(textToBytes('€')).toBe('\xe2\x82\xac')
    expect(textToBytes('plain')).toBe('plain')
    expect(textToBytes('\x80')).toBe('\xc2\x80')
  })

  it('are the same through a URL', () => {
    fc.assert(
      fc.property(bytes, (raw) => {
        const channel = channelFromBytes(raw)
        fc.pre(channel !== undefined)
        const path = channelPath(channel)
        expect(path).toMatch(/^[\w\-.~/%]+$/)
        expect(percentDecode(path)).toBe(channel)
      }),
    )
  })

  it('keep their slashes in a URL, and nothing else that means something there', () => {
    expect(channelPath('a/b c?d#e%f+g' as never)).toBe('a/b%20c%3Fd%23e%25f%2Bg')
  })
})

describe('percent-decoding', () => {
  it.each([
    ['abc', 'abc'],
    ['%41b%43', 'AbC'],
    ['%e2%82%AC', '\xe2\x82\xac'],
    ['a+b', 'a+b'],
    ['%2F%2f', '//'],
    ['%00%ff', '\0\xff'],
    ['%25', '%'],
    ['%2541', '%41'],
  ])('reads %s', (raw, expected) => {
    expect(percentDecode(raw)).toBe(expected)
  })

  it.each(['%', '%4', 'a%', 'a%4', '%zz', '%4g', '%%41', '% 1', '%+1', '%-1', '%0x', '%1\n'])(
    'refuses %j',
    (raw) => {
      expect(percentDecode(raw)).toBeUndefined()
    },
  )
})
