import { describe, expect, it } from 'vitest'
import { asFanfareError, type ErrorCode, ERRORS, FanfareError } from '../../src/model/errors.ts'

describe('errors', () => {
  it('have a status that an HTTP answer may carry, and words', () => {
    for (const [code, { status, message }] of Object.entries(ERRORS)) {
      expect(status, code).toBeGreaterThanOrEqual(400)
      expect(status, code).toBeLessThan(600)
      expect(message, code).toMatch(/^[A-Z].*\.$/)
      const error = new FanfareError(code as ErrorCode)
      expect(error).toMatchObject({ code, status, message, name: 'FanfareError' })
    }
  })

  it('say more where they can', () => {
    expect(new FanfareError('bad_cursor', 'Not this one.').message).toBe('Not this one.')
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
