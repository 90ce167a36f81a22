import { assert, constantFrom, property, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readProxyHeader } from '../../src/net/proxy-protocol.ts'

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

/** Version 2. */
function binary(command: number, family: number, rest: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(rest.length)
  return Buffer.concat([SIGNATURE, Buffer.from([command, family]), length, rest])
}

const FOUR = Buffer.from([10, 1, 2, 3, 127, 0, 0, 1, 0xc0, 0x01, 0, 80])
const SIX = Buffer.concat([
  Buffer.from('20010db8000000000000000000000007', 'hex'),
  Buffer.from('00000000000000000000000000000001', 'hex'),
  Buffer.from([0xc0, 0x01, 0, 80]),
])

describe('a header of version 1', () => {
  it.each([
    ['PROXY TCP4 10.1.2.3 127.0.0.1 49153 80\r\n', '10.1.2.3', 49_153],
    ['PROXY TCP6 2001:db8::7 ::1 49153 80\r\n', '2001:db8::7', 49_153],
    ['PROXY UNKNOWN\r\n', '', 0],
    ['PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n', '', 0],
  ])('%j', (line, address, port) => {
    const bytes = Buffer.from(`${line}GET / HTTP/1.1\r\n`)
    expect(readProxyHeader(bytes)).toEqual({ end: line.length, address, port })
  })

  it.each([
    'GET / HTTP/1.1\r\n',
    'PROXY TCP4 10.1.2 127.0.0.1 1 2\r\n',
    'PROXY TCP4 ::1 ::1 1 2\r\n',
    'PROXY TCP6 10.1.2.3 127.0.0.1 1 2\r\n',
    'PROXY TCP4 10.1.2.3 127.0.0.1 99999 2\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
    'PROXY TCP4 10.1.2.3  127.0.0.1 1 2\r\n',
    'PROXY \r\n',
    `PROXY UNKNOWN ${'x'.repeat(200)}\r\n`,
  ])('is none: %j', (line) => {
    expect(readProxyHeader(Buffer.from(line))).toBe('wrong')
  })
})

describe('a header of version 2', () => {
  it.each([
    [binary(0x21, 0x11, FOUR), '10.1.2.3', 49_153],
    [binary(0x21, 0x21, SIX), '2001:db8::7', 49_153],
    [binary(0x21, 0x11, Buffer.concat([FOUR, Buffer.from([4, 0, 1, 7])])), '10.1.2.3', 49_153],
    [binary(0x20, 0x00, Buffer.alloc(0)), '', 0],
    [binary(0x20, 0x11, FOUR), '', 0],
    [binary(0x21, 0x00, Buffer.alloc(0)), '', 0],
  ])('%#', (header, address, port) => {
    const bytes = Buffer.concat([header, Buffer.from('PING')])
    expect(readProxyHeader(bytes)).toEqual({ end: header.length, address, port })
  })

  it.each([
    binary(0x11, 0x11, FOUR),
    binary(0x22, 0x11, FOUR),
    binary(0x21, 0x11, FOUR.subarray(0, 11)),
    binary(0x21, 0x21, FOUR),
    binary(0x21, 0x12, FOUR),
    binary(0x21, 0x31, Buffer.alloc(216)),
    binary(0x21, 0x11, Buffer.alloc(5000)),
  ])('is none: %#', (bytes) => {
    expect(readProxyHeader(bytes)).toBe('wrong')
  })
})

it('waits for the rest, wherever it is cut', () => {
  for (const whole of [
    Buffer.from('PROXY TCP4 10.1.2.3 127.0.0.1 49153 80\r\n'),
    binary(0x21, 0x21, SIX),
  ]) {
    for (let at = 0; at < whole.length; at++) {
      expect(readProxyHeader(whole.subarray(0, at))).toBe('more')
    }
  }
})

it('takes any bytes without failing, and never waits for more than its bound', () => {
  const some = uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
  const start = constantFrom(Buffer.alloc(0), Buffer.from('PROXY '), SIGNATURE)
  assert(
    property(start, some, (front, bytes) => {
      const found = readProxyHeader(Buffer.concat([front, bytes]))
      if (typeof found === 'object')
        expect(found.end).toBeLessThanOrEqual(front.length + bytes.length)
    }),
  )
  expect(readProxyHeader(Buffer.concat([SIGNATURE, Buffer.alloc(5000, 0x21)]))).toBe('wrong')
  expect(readProxyHeader(Buffer.alloc(108, 'PROXY TCP4 '))).toBe('wrong')
})
