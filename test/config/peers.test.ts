import { describe, expect, it } from 'vitest'
import { peerMistake } from '../../src/config/peers.ts'
import { linesOf, load, mistake, problemsOf } from './fixture.ts'

describe('the forms of a peer', () => {
  it.each([
    '127.0.0.1',
    '::1',
    '::ffff:10.0.0.1',
    '10.0.0.0/8',
    '0.0.0.0/0',
    'fd00::/8',
    '::/0',
    '192.168.0.*',
    '192.168.*.*',
    '192.168.*',
    '10.*',
  ])('%s is one', (peer) => {
    expect(peerMistake(peer)).toBeUndefined()
  })

  it.each([
    ['300.1.1.1', ''],
    ['1.2.3', ''],
    ['10.0.0.0/33', '0 to 32'],
    ['fd00::/129', '0 to 128'],
    ['10.0.0.0/', '0 to 32'],
    ['10.0.0/8', '`10.0.0` is not an address'],
    ['fe80::1%eth0', 'zone'],
    ['*', '0.0.0.0/0'],
    ['1.*.3.4', 'at the end'],
    ['1.2.3.4.*', 'at the end'],
    ['192.168.0.1*', 'at the end'],
    ['fd00::*', 'IPv6 block'],
    ['localhost', 'host names'],
  ])('%s is none', (peer, reason) => {
    expect(peerMistake(peer)).toContain(reason)
  })
})

describe('trustedPeers and trustedProxies', () => {
  it('are lists', () => {
    const { config } = load('trustedPeers: [10.0.0.0/8, "::1"]\ntrustedProxies: [10.0.0.1]')
    expect(config.trustedPeers).toEqual(['10.0.0.0/8', '::1'])
    expect(config.trustedProxies).toEqual(['10.0.0.1'])
  })

  it('are one text with spaces, as GitPubSub writes them', () => {
    expect(load('trustedPeers: 127.0.0.* 192.168.0.*').config.trustedPeers).toEqual([
      '127.0.0.*',
      '192.168.0.*',
    ])
  })

  it('may be empty: nobody is trusted', () => {
    expect(load('trustedPeers: []').config.trustedPeers).toEqual([])
    expect(load("trustedPeers: ''").config.trustedPeers).toEqual([])
  })

  it('do not take nothing for nobody', () => {
    expect(mistake('trustedPeers:')).toContain('write `[]` to trust nobody')
  })

  it('tell each wrong entry where it stands', () => {
    const problems = problemsOf('trustedPeers:\n  - 10.0.0.1\n  - 10.0.0.300\n  - 5\n')
    expect(linesOf(problems).map((line) => line.slice(0, 24))).toEqual([
      '3:5 trustedPeers[1]: exp',
      '4:5 trustedPeers[2]: exp',
    ])
    expect(problems[0]?.expected).toContain('192.168.0.*')
  })

  it('tell where in one text the wrong entry is', () => {
    expect(mistake('trustedProxies: 10.0.0.1 nowhere ::1')).toMatch(/^1:26 trustedProxies: /)
  })

  it('refuse a map', () => {
    expect(mistake('trustedPeers: { a: 1 }')).toContain('expected a list of peers')
  })
})
