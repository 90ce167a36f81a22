import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCommand, type Reply, ReplyParser, RespError } from '../../src/client/resp.ts'

/** As a server writes it. */
function encode(reply: Reply): Buffer {
  if (reply === null) return Buffer.from('$-1\r\n')
  if (typeof reply === 'number') return Buffer.from(`:${reply}\r\n`)
  if (typeof reply === 'string') return Buffer.from(`+${reply}\r\n`)
  if (reply instanceof RespError) return Buffer.from(`-${reply.message}\r\n`)
  if (Buffer.isBuffer(reply)) {
    return Buffer.concat([Buffer.from(`$${reply.length}\r\n`), reply, Buffer.from('\r\n')])
  }
  return Buffer.concat([Buffer.from(`*${reply.length}\r\n`), ...reply.map(encode)])
}

const { reply } = fc.letrec<{ reply: Reply; list: Reply[] }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 4 },
    fc.integer(),
    fc.constant(null),
    fc.stringMatching(/^[a-zA-Z ]*$/),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    tie('list'),
  ),
  list: fc.array(tie('reply'), { maxLength: 4 }),
}))

describe('replies of a Redis server', () => {
  it('are read as they were written, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(reply), fc.integer({ min: 1, max: 20 }), (replies, size) => {
        const bytes = Buffer.concat(replies.map(encode))
        const parser = new ReplyParser()
        const read: Reply[] = []
        for (let at = 0; at < bytes.length; at += size) {
          read.push(...parser.push(bytes.subarray(at, at + size)))
        }
        expect(read).toEqual(replies)
      }),
    )
  })

  it('may be errors, also within a list', () => {
    const [list] = new ReplyParser().push(Buffer.from('*2\r\n-ERR no\r\n*-1\r\n'))
    expect(list).toEqual([new RespError('ERR no'), null])
  })

  it.each(['HTTP/1.1 400\r\n', '$x\r\n', '*99999999\r\n', '$999999999999\r\n', ':1.5\r\n'])(
    'that are none are refused: %j',
    (text) => {
      expect(() => new ReplyParser().push(Buffer.from(text))).toThrow('Redis protocol')
    },
  )

  it.each([
    ['a line without an end', `+${'x'.repeat(70_000)}`],
    ['lists in lists without an end', '*1\r\n'.repeat(20)],
  ])('are bounded: %s', (_, text) => {
    expect(() => new ReplyParser().push(Buffer.from(text))).toThrow('Redis protocol')
  })
})

it('commands are lists of texts, by bytes', () => {
  const bytes = encodeCommand(['SUBSCRIBE', 'ä', Buffer.from([0xff, 0x0d])])
  const text = '*3\r\n$9\r\nSUBSCRIBE\r\n$2\r\n\u00c3\u00a4\r\n$2\r\n\u00ff\r\r\n'
  expect(bytes.toString('latin1')).toBe(text)
})
