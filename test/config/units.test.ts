import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatBytes, formatDuration, parseBytes, parseDuration } from '../../src/config/units.ts'

describe('durations', () => {
  it.each([
    [0, 0],
    [90, 90_000],
    [0.25, 250],
    ['90', 90_000],
    ['90s', 90_000],
    ['15m', 900_000],
    ['48h', 172_800_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['250ms', 250],
    ['1.5h', 5_400_000],
    ['1h30m', 5_400_000],
    [' 1h 30m ', 5_400_000],
  ])('%j is %d ms', (written, expected) => {
    expect(parseDuration(written)).toBe(expected)
  })

  it.each([
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1e300,
    '',
    's',
    '-5s',
    '5 years',
    '5s5',
    '5S',
    '1e3s',
    'x5s',
  ])('%j is none', (written) => {
    expect(parseDuration(written)).toBeUndefined()
  })

  it('can be read back as they are shown', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1e12 }), (time) => {
        expect(parseDuration(formatDuration(time))).toBe(time)
      }),
    )
  })
})

describe('sizes', () => {
  it.each([
    [0, 0],
    [123, 123],
    ['123', 123],
    ['64k', 65_536],
    ['64K', 65_536],
    ['64KiB', 65_536],
    ['8MB', 8_388_608],
    ['8MiB', 8_388_608],
    ['8 mib', 8_388_608],
    ['1GiB', 1_073_741_824],
    ['1TiB', 1_099_511_627_776],
    ['1.5k', 1536],
    ['10B', 10],
  ])('%j is %d bytes', (written, expected) => {
    expect(parseBytes(written)).toBe(expected)
  })

  it.each([-1, 1.5, Number.NaN, '', 'k', '5XB', '5 5', '-5k', '9999999999999T'])(
    '%j is none',
    (written) => {
      expect(parseBytes(written)).toBeUndefined()
    },
  )

  it('can be read back as they are shown', () => {
    fc.assert(
      fc.property(fc.nat(), (bytes) => {
        expect(parseBytes(formatBytes(bytes).replace(' bytes', ''))).toBe(bytes)
      }),
    )
  })
})
