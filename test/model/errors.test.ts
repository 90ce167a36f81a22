import { describe, expect, it } from 'vitest'
import { asFanfareError, type ErrorCode, ERRORS, FanfareError } from '../../src/model/errors.ts'

/** Whose words are an original's, to the letter. */
const ORIGINAL = new Set(['not_connected'])

describe('errors', () => {
  it('have a status that an HTTP answer may carry, and words', () => {
    for (const [code, { status, message }] of Object.entries(ERRORS)) {
      expect(status, code).toBeGreaterThanOrEqual(400)
      expect(status, code).toBeLessThan(600)
      if (!ORIGINAL.has(code)) expect(message, code).toMatch(/^[A-Z].*\.$/)
      const error = new FanfareError(code as ErrorCode)
      expect(error).toMatchObject({ code, status, message, name: 'FanfareError' })
    }
  })

  it('say what to do in whole sentences', () => {
    for (const [code, kind] of Object.entries(ERRORS)) {
      if ('help' in kind) expect(kind.help, code).toMatch(/^[A-Z].*\.$/)
    }
  })

  it('say more where they can', () => {
    const error = new FanfareError('too_many', 'Not one more.', 'Wait.')
    expect(error).toMatchObject({ message: 'Not one more.', help: 'Wait.' })
    expect(new FanfareError('too_many').help).toBe(ERRORS.too_many.help)
    expect(new FanfareError('displaced').help).toBeUndefined()
  })

  it('show nothing of what is not theirs', () => {
    const own = new FanfareError('too_large')
    expect(asFanfareError(own)).toBe(own)
    const foreign = asFanfareError(new Error('secret path'))
    expect(foreign.code).toBe('internal')
    expect(foreign.message).not.toContain('secret')
    expect(asFanfareError(undefined).code).toBe('internal')
  })
})
