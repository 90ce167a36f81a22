import { describe, expect, it } from 'vitest'
import { isLoopback, PeerList, shownAddress } from '../../src/access/peers.ts'

describe('a list of peers', () => {
  it.each<[string, string[], string[]]>([
    ['127.0.0.1', ['127.0.0.1'], ['127.0.0.2', '::1', '127.0.0.10', '']],
    ['::1', ['::1', '0:0:0:0:0:0:0:1', '0000::0001'], ['127.0.0.1', '::2', '::']],
    ['2001:DB8::a', ['2001:db8::A', '2001:db8:0:0::a'], ['2001:db8::b']],
    ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255'], ['11.0.0.0', '9.255.255.255']],
    ['10.0.0.130/25', ['10.0.0.128', '10.0.0.255'], ['10.0.0.127', '10.0.1.0']],
    ['10.0.0.1/32', ['10.0.0.1'], ['10.0.0.0', '10.0.0.2']],
    ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255', '::ffff:1.2.3.4'], ['::1', '2001:db8::1']],
    ['0.0.0.0/1', ['127.255.255.255'], ['128.0.0.0']],
    ['fd00::/8', ['fd00::', 'fdff:ffff::1'], ['fc00::1', 'fe80::1', '10.0.0.1']],
    ['2001:db8::/33', ['2001:db8:7fff::1'], ['2001:db8:8000::1', '2001:db9::1']],
    ['::1/128', ['::1'], ['::2', '::']],
    // Every address, an IPv4 one too: it has a place in IPv6.
    ['::/0', ['::1', '2001:db8::1', '10.0.0.1'], ['', 'localhost']],
    ['192.168.0.*', ['192.168.0.0', '192.168.0.255'], ['192.168.1.0', '192.167.0.1']],
    ['192.168.*.*', ['192.168.0.0', '192.168.255.255'], ['192.169.0.0']],
    ['192.168.*', ['192.168.0.0', '192.168.255.255'], ['192.169.0.0']],
    ['10.*', ['10.0.0.0', '10.255.255.255'], ['11.0.0.0', '1.0.0.0', '100.0.0.1']],
    ['10.*.*.*', ['10.0.0.0', '10.255.255.255'], ['11.0.0.0']],
    ['*', ['1.2.3.4', 'fe80::1'], ['', 'x']],
  ])('%s', (entry, members, others) => {
    const list = new PeerList([entry])
    for (const address of members) expect(list.has(address), address).toBe(true)
    for (const address of others) expect(list.has(address), address).toBe(false)
  })

  it('knows an IPv4 address in IPv6’s clothes, as sockets of both show it', () => {
    for (const entry of [
      '10.1.2.3',
      '10.0.0.0/8',
      '10.1.2.*',
      '::ffff:10.1.2.3',
      '::ffff:10.0.0.0/104',
    ]) {
      const list = new PeerList([entry])
      for (const address of [
        '10.1.2.3',
        '::ffff:10.1.2.3',
        '::FFFF:a01:203',
        '::ffff:10.1.2.3%2',
      ]) {
        expect(list.has(address), `${address} in ${entry}`).toBe(true)
      }
      // Other ways to put one into an IPv6 address are other addresses.
      for (const address of [
        '::10.1.2.3',
        '64:ff9b::10.1.2.3',
        '2002:a01:203::',
        '::ffff:11.1.2.3',
      ]) {
        expect(list.has(address), `${address} in ${entry}`).toBe(false)
      }
    }
  })

  it('leaves the zone of an address aside: it names an interface of this machine', () => {
    const list = new PeerList(['fe80::/10', '::1'])
    expect(list.has('fe80::1%eth0')).toBe(true)
    expect(list.has('::1%lo')).toBe(true)
    expect(list.has('fd00::1%eth0')).toBe(false)
    expect(list.has('%eth0')).toBe(false)
  })

  it('knows no names, and no forms of addresses that only look like one', () => {
    const list = new PeerList(['127.0.0.1', '::1'])
    for (const text of [
      'localhost',
      '127.1',
      '0x7f000001',
      '2130706433',
      '127.0.0.01',
      '[::1]',
      '127.0.0.1:80',
      ' 127.0.0.1',
      '127.0.0.1\n',
    ]) {
      expect(list.has(text), text).toBe(false)
    }
  })

  it('has everybody that any of its entries names, and nobody without entries', () => {
    const list = new PeerList(['127.0.0.1', '10.0.0.0/8', 'fd00::/8'])
    for (const address of ['127.0.0.1', '10.1.1.1', 'fd00::1']) expect(list.has(address)).toBe(true)
    expect(list.has('192.168.0.1')).toBe(false)
    expect(new PeerList([]).has('127.0.0.1')).toBe(false)
  })

  it.each([
    '',
    'localhost',
    '127.1',
    '256.0.0.1',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/+8',
    '10.0.0.0/ 8',
    '10.0.0.0/33',
    'fd00::/129',
    '/8',
    'fe80::1%eth0',
    'fe80::%eth0/10',
    '*.*',
    '1.*.3.4',
    '1.2.3.4.*',
    '999.*',
    'fd00::*',
  ])('does not take %j for anything', (entry) => {
    expect(() => new PeerList([entry])).toThrow(Error)
  })
})

it('loopback is this machine alone', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
    expect(isLoopback(address), address).toBe(true)
  }
  for (const address of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '', 'localhost']) {
    expect(isLoopback(address), address).toBe(false)
  }
})

it('shows an address as the configuration writes it', () => {
  expect(shownAddress('::ffff:10.0.0.7')).toBe('10.0.0.7')
  expect(shownAddress('2001:db8::ffff:1')).toBe('2001:db8::ffff:1')
  expect(shownAddress('10.0.0.7')).toBe('10.0.0.7')
})
