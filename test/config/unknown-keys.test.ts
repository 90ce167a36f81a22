import { describe, expect, it } from 'vitest'
import { nearest } from '../../src/config/nearest.ts'
import { mistake, problemsOf, withFeed } from './fixture.ts'

describe('an unknown key', () => {
  it.each([
    ['prot: 1', 'prot: unknown key; did you mean `port`?'],
    ['Port: 1', 'Port: unknown key; did you mean `port`?'],
    ['trusted_peers: 1', 'trusted_peers: unknown key; did you mean `trustedPeers`?'],
    ['limits: { hartbeat: 1 }', 'limits.hartbeat: unknown key; did you mean `heartbeat`?'],
    ['maxBodyBytes: 1', 'maxBodyBytes: unknown key; did you mean `limits.maxBodyBytes`?'],
    ['fed: false', 'fed: unknown key; did you mean `feed`?'],
  ])('%s', (text, expected) => {
    expect(mistake(text, { schema: withFeed })).toContain(expected)
  })

  it('far from all others gets all of them', () => {
    const [problem] = problemsOf('nonsense: 1')
    expect(problem).toMatchObject({
      path: 'nonsense',
      found: 'nonsense',
      expected:
        'one of `address`, `port`, `trustedPeers`, `trustedProxies`, `proxyProtocol`, `tls`, `limits`, `store` or `locations`',
    })
    expect(problem?.suggestion).toBeUndefined()
  })
})

describe('nearest', () => {
  it.each([
    ['pollling', 'polling'],
    ['poling', 'polling'],
    ['oplling', 'polling'],
    ['POLLING', 'polling'],
    ['create_on_post', 'createOnPost'],
    ['createonget', 'create_on_get'],
  ])('%s is meant to be %s', (written, expected) => {
    expect(nearest(written, ['polling', 'createOnPost', 'create_on_get'])).toBe(expected)
  })

  it.each(['', 'x', 'something else'])('%j is meant to be nothing near', (written) => {
    expect(nearest(written, ['polling', 'port'])).toBeUndefined()
  })
})
