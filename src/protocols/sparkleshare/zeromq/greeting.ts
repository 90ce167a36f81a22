/** How a connection of ZMTP 3 begins (ZeroMQ RFC 23, "Greeting"): 64 bytes of each side. */

export type Mechanism = 'PLAIN' | 'CURVE'

export const GREETING_BYTES = 64

const VERSION_AT = 10
const MECHANISM_AT = 12
const MECHANISM_BYTES = 20

/** What libzmq begins with: version 3.1, and not a server, as it leaves that out. */
export function greetingOf(mechanism: Mechanism): Buffer {
  const bytes = Buffer.alloc(GREETING_BYTES)
  bytes.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1])
  bytes.write(mechanism, MECHANISM_AT, 'latin1')
  return bytes
}

/**
 * Whether this may still become the greeting of a peer that knows the mechanism: of ZMTP 1 and 2, of another
 * mechanism or of another protocol it cannot.
 * @param bytes what has come, from the first on
 */
export function mayGreet(bytes: Buffer, mechanism: Mechanism): boolean {
  const [first, last, major] = [bytes[0], bytes[9], bytes[VERSION_AT]]
  if (first !== undefined && first !== 0xff) return false
  if (last !== undefined && (last & 1) !== 1) return false
  if (major !== undefined && major < 3) return false
  const name = bytes.subarray(MECHANISM_AT, MECHANISM_AT + MECHANISM_BYTES)
  return greetingOf(mechanism)
    .subarray(MECHANISM_AT, MECHANISM_AT + name.length)
    .equals(name)
}
