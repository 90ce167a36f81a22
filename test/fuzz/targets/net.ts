import { isIP } from 'node:net'
import { Trust } from '../../../src/access/trust.ts'
import { networkOf } from '../../../src/net/connections.ts'
import { type ProxyHeader, readProxyHeader } from '../../../src/net/proxy-protocol.ts'
import { inTrace, TRACEPARENT, traceIn } from '../../../src/model/trace.ts'
import { bytesOf, must, same, type Target } from '../engine.ts'

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n'
const FOUR = '\x0a\x01\x02\x03\x7f\0\0\x01\xc0\x01\0P'
const SIX = `\x20\x01\x0d\xb8${'\0'.repeat(11)}\x07${'\0'.repeat(15)}\x01\xc0\x01\0P`
/** As much as a proxy may say at most, and wait for. */
const MOST_HEADER = 4_096
const TRUST = new Trust(['127.0.0.0/8', '2001:db8::/32'], ['::1'])

const proxyHeader: Target = {
  name: 'proxy-header',
  reads: "a proxy's header, PROXY versions 1 and 2",
  holds:
    'the same however much has come; an address that can be compared, or none; never waits beyond its bound',
  seeds: [
    'PROXY TCP4 10.1.2.3 127.0.0.1 49153 80\r\nGET / HTTP/1.1\r\n',
    'PROXY TCP6 2001:db8::7 ::1 49153 80\r\nPING\r\n',
    'PROXY TCP6 fe80::1%eth0 ::ffff:10.0.0.1 49153 80\r\n',
    'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n',
    `${SIGNATURE}\x21\x11\0\x0c${FOUR}PING`,
    `${SIGNATURE}\x21\x21\0\x24${SIX}`,
    `${SIGNATURE}\x21\x11\0\x10${FOUR}\x04\0\x01\x07`,
    `${SIGNATURE}\x20\0\0\0\x16\x03\x01`,
    `${SIGNATURE}\x21\x31\0\xd8${'/'.repeat(216)}`,
  ],
  tokens: [
    'PROXY ',
    'TCP4 ',
    'TCP6 ',
    'UNKNOWN',
    '\r\n',
    SIGNATURE,
    '\x20',
    '\x21',
    '\x11',
    '\0\x0c',
    '\xff\xff',
    '::ffff:1.2.3.4 ',
    '%lo',
    '127.0.0.1 ',
  ],
  longest: 5_000,
  check(input, random) {
    const bytes = bytesOf(input)
    const whole = readProxyHeader(bytes)
    must(whole !== 'more' || bytes.length < MOST_HEADER, 'it waits beyond its bound')
    for (const part of [bytes.subarray(0, random.int(bytes.length + 1)), bytes.subarray(0, -1)]) {
      const found = readProxyHeader(part)
      if (found !== 'more') same(found, whole, 'with less')
    }
    if (typeof whole !== 'object') return
    lookAt(whole, bytes.length)
    if (whole.end < bytes.length) {
      same(readProxyHeader(bytes.subarray(0, whole.end)), whole, 'without what follows')
      same(readProxyHeader(bytes.subarray(0, whole.end - 1)), 'more', 'without its end')
    }
  },
}

function lookAt({ end, address, port }: ProxyHeader, length: number): void {
  must(end > 0 && end <= length && end <= MOST_HEADER, 'an end beyond what came')
  must(Number.isInteger(port) && port >= 0 && port <= 65_535, 'a port that is none')
  const family = isIP(address)
  must(address === '' ? port === 0 : family !== 0, 'an address that is none')
  // What hears of it next.
  TRUST.trusts(address)
  TRUST.isProxy(address)
  networkOf(address)
  if (address === '') return
  must(!address.includes('%'), 'an address of somebody else’s interface')
  const line = `PROXY TCP${family} ${address} ${address} ${port} 1\r\n`
  same(readProxyHeader(bytesOf(line)), { end: line.length, address, port }, 'written as a line')
}

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const DRAFT = { body: Buffer.from('x') }
const HEX = /^[0-9a-f]+$/

/** The parts by their places, as the specification lists them. */
function isContext(header: string): boolean {
  const [version = '', trace = '', parent = '', flags = '', ...more] = header.split('-')
  const sizes = [version, trace, parent, flags].map((part) => part.length).join()
  const right =
    sizes === '2,32,16,2' &&
    [version, trace, parent, flags].every((part) => HEX.test(part)) &&
    version !== 'ff' &&
    !/^0+$/.test(trace) &&
    !/^0+$/.test(parent)
  return right && (version !== '00' || more.length === 0)
}

const traceparent: Target = {
  name: 'traceparent',
  reads: "the header of W3C's Trace Context",
  holds: 'a context of version 00 where the parts are those of the specification, or nothing',
  seeds: [
    TRACE,
    TRACE.replace('00', 'cc'),
    `${TRACE.replace('00', 'cc')}-what-comes-later`,
    TRACE.replace('00', 'ff'),
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-00`,
  ],
  tokens: ['-', '00', '01', 'ff', 'cc', '0000000000000000', '4bf92f3577b34da6', 'A', 'G', '\n'],
  longest: 600,
  check(input, random) {
    const found = traceIn(input)
    const version = input.slice(0, 2)
    const plain = !input.includes('\n') && !input.includes('\r')
    if (plain && input.length <= 512) same(found !== undefined, isContext(input), 'whether it is')
    const attributes = random.once(2) ? { [TRACEPARENT]: 'own' } : undefined
    const handedOn = inTrace({ ...DRAFT, ...(attributes ? { attributes } : {}) }, input).attributes
    const expected = attributes ?? (found === undefined ? undefined : { [TRACEPARENT]: found })
    same(handedOn, expected, 'what is handed on')
    if (found === undefined) return
    must(isContext(found) && found.length === 55, 'no context of version 00')
    same(found.slice(2), input.slice(2, 55), `what was in version ${version}`)
    same(traceIn(found), found, 'read again')
  },
}

export const NET: readonly Target[] = [proxyHeader, traceparent]
