import { expect, it } from 'vitest'
import { pipeTo } from '../../src/net/listener.ts'

it('shows how to reach a port, with TLS where it speaks that', () => {
  expect(pipeTo('[::1]', 1986, false)).toBe('nc -N ::1 1986')
  expect(pipeTo('[::1]', 1986, true)).toMatch(/^openssl s_client .* -connect \[::1\]:1986$/)
})
