import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boundaryOf, parseMultipart } from '../../../src/protocols/webhooks/multipart.ts'

const BODY = [
  'preamble, which nobody reads',
  '--b',
  'Content-Disposition: form-data; name="a"',
  '',
  'one',
  '--b  ',
  'content-type: text/plain',
  'CONTENT-DISPOSITION:form-data;filename="x.txt"; name=b',
  '',
  'two\n--b\nlines',
  '--b',
  'Content-Disposition: form-data; name="a"',
  '',
  '',
  '--b--',
  'epilogue',
].join('\r\n')

describe('multipart/form-data', () => {
  it('has fields between its boundaries, in order and as bytes', () => {
    const fields = parseMultipart(BODY, 'b', 10)
    expect([...fields]).toEqual([
      ['a', ['one', '']],
      ['b', ['two\n--b\nlines']],
    ])
  })

  it('is refused whole wherever it is cut off before its end', () => {
    const end = BODY.indexOf('--b--') + '--b--'.length
    for (let length = 0; length < end; length++) {
      expect(() => parseMultipart(BODY.slice(0, length), 'b', 10)).toThrow('multipart/form-data')
    }
    expect(parseMultipart(BODY.slice(0, end), 'b', 10).size).toBe(2)
  })

  it('gives back any fields, whatever their bytes', () => {
    const bytes = fc.string({ unit: fc.constantFrom('\r', '\n', '-', 'b', ':', '\0', '\xff', 'x') })
    const fields = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), bytes), { minLength: 1 })
    fc.assert(
      fc.property(fields, (list) => {
        const boundary = 'boundary42'
        const parts = list.map(
          ([name, value]) =>
            `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
        )
        const found = parseMultipart(`${parts.join('')}--${boundary}--\r\n`, boundary, 100)
        for (const name of ['a', 'b', 'c']) {
          const values = list.filter((field) => field[0] === name).map((field) => field[1])
          expect(found.get(name) ?? []).toEqual(values)
        }
      }),
    )
  })

  it('has no more parts than allowed', () => {
    expect(() => parseMultipart(BODY, 'b', 2)).toThrow('A form may have 2 fields')
  })

  it('costs no more than its length', () => {
    const hostile = [
      '\r\n--b'.repeat(1_000_000),
      `--b\r\n${'\r\n'.repeat(1_000_000)}`,
      `--b\r\n${'x'.repeat(4_000_000)}`,
      `--b\r\nContent-Disposition: form-data; name="${'\\"'.repeat(2_000_000)}`,
      `--b\r\n\r\n\r\n--b--`,
    ]
    const start = performance.now()
    for (const body of hostile) expect(() => parseMultipart(body, 'b', 1000)).toThrow()
    expect(performance.now() - start).toBeLessThan(2000)
  })

  it.each([
    ['multipart/form-data; boundary=abc', 'abc'],
    ['multipart/form-data; charset=utf-8; Boundary="a b:c"', 'a b:c'],
    [
      'multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW; x=y',
      '----WebKitFormBoundary7MA4YWxkTrZu0gW',
    ],
    ['multipart/form-data', undefined],
    ['multipart/form-data; boundary=', undefined],
    ['multipart/form-data; boundary="a b "', undefined],
    [`multipart/form-data; boundary=${'x'.repeat(71)}`, undefined],
  ])('%s has the boundary %s', (contentType, boundary) => {
    expect(boundaryOf(contentType)).toBe(boundary)
  })
})
