import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rawMember } from '../../src/model/raw-json.ts'

describe('the text of one member of a JSON object', () => {
  it.each([
    ['{"data":1}', '1'],
    ['{"data":12345678901234567890}', '12345678901234567890'],
    ['{"data":-1.50E+400}', '-1.50E+400'],
    ['{"data":null}', 'null'],
    ['{"data":true,"x":false}', 'true'],
    ['{"x":{"data":1},"data":2}', '2'],
    ['{"x":"\\"data\\":1","data":2}', '2'],
    ['{"data":"a\\"b}\\\\"}', '"a\\"b}\\\\"'],
    ['{"data":"\\u00e4 ä"}', '"\\u00e4 ä"'],
    ['{"data":{"z":1,"a":[{}, []]}}', '{"z":1,"a":[{}, []]}'],
    ['{"data":[ "]", "\\"}" , {"data":3} ]}', '[ "]", "\\"}" , {"data":3} ]'],
    [' \t\r\n{ "data" \n:\t {"a" : 1}\r\n, "x":1 } ', '{"a" : 1}'],
    ['{"d\\u0061ta":5}', '5'],
    ['{"data":1,"data":[2]}', '[2]'],
    ['{"data":[1],"data" : 2 }', '2'],
    ['{"data":{}}', '{}'],
    ['{"data":[]}', '[]'],
    ['{"data":""}', '""'],
    ['{"__proto__":1,"data":2}', '2'],
  ])('%s', (text, data) => {
    expect(rawMember(text, 'data')).toBe(data)
  })

  it.each(['{}', ' { } ', '{"x":1}', '{"x":{"data":1}}', '{"x":"data"}', '{"Data":1}'])(
    'is nothing where there is none: %s',
    (text) => {
      expect(rawMember(text, 'data')).toBeUndefined()
    },
  )

  it('is what JSON.parse makes of it, in any object however it is spaced', () => {
    const name = fc.constantFrom('data', 'dat', 'data2', '', '"', '\\', 'ä')
    const object = fc.array(fc.tuple(name, fc.jsonValue()), { maxLength: 6 })
    const space = fc.array(fc.constantFrom('', ' ', '\n', '\t', '\r\n'), { minLength: 1 })
    fc.assert(
      fc.property(object, space, (members, spaces) => {
        let n = 0
        const pad = (): string => spaces[n++ % spaces.length] as string
        const inside = members.map(
          ([key, value]) =>
            pad() +
            JSON.stringify(key) +
            pad() +
            ':' +
            pad() +
            JSON.stringify(value, null, pad()) +
            pad(),
        )
        const text = `${pad()}{${pad()}${inside.join(',')}}${pad()}`
        const parsed = JSON.parse(text) as Record<string, unknown>

        const raw = rawMember(text, 'data')

        const value = Object.hasOwn(parsed, 'data') ? parsed['data'] : undefined
        expect(raw === undefined ? undefined : JSON.parse(raw)).toEqual(value)
        expect(raw?.trim()).toBe(raw)
      }),
    )
  })

  it('takes time in proportion to the text, and any depth', () => {
    const deep = '['.repeat(500_000) + ']'.repeat(500_000)
    expect(rawMember(`{"x":${deep},"data":${deep}}`, 'data')).toHaveLength(deep.length)
  })
})
