/** redis: URLs at servers of somebody else: SUBSCRIBE, and no way to resume. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fanfare } from '../cli/cli-program.ts'
import { until } from '../support/wait.ts'
import { fakeServer } from './fake-server.ts'
import { Follower } from './follower.ts'
import { Proxy } from './proxy.ts'
import { freePort, redisCli, startRedis } from './redis-server.ts'

const missing = (process.env['FANFARE_TEST_MISSING'] ?? '').split(',')

describe.skipIf(missing.includes('Redis'))('a real redis-server', () => {
  it('is subscribed to by names and by patterns', async () => {
    const port = await startRedis()
    const urls = ['a%2Fb', 'a*', '?channel=x&channel=a/b&channel=%5Bxy%5D']
    const followers = urls.map((rest) => new Follower(new URL(`redis://127.0.0.1:${port}/${rest}`)))
    await until(() => followers.every((one) => one.count('connected') === 1), 'connected')
    expect(await redisCli(port, 'PUBLISH', 'a/b', 'one')).toBe('3')
    expect(await redisCli(port, 'PUBLISH', 'x', 'two')).toBe('2')
    await until(() => followers[2]?.bodies.length === 3, 'all came')
    expect(followers.map(({ bodies }) => bodies)).toEqual([['one'], ['one'], ['one', 'two', 'two']])
    expect(followers[1]?.seen.at(-1)).toMatchObject({ channel: 'a/b', body: 'one' })
  })

  it('loses what comes while there is no connection, and that is said', async () => {
    const port = await startRedis()
    const proxy = await Proxy.start(port)
    const follower = new Follower(proxy.url('/a', 'redis'))
    await until(() => follower.count('connected') === 1, 'it is connected')
    proxy.cut()
    await until(() => follower.count('connected') === 2, 'it is connected again')
    expect(follower.seen.at(-2)).toMatchObject({
      detail: expect.stringMatching(/, and what is published until then is lost$/),
    })
    await redisCli(port, 'PUBLISH', 'a', 'after')
    await until(() => follower.bodies.length === 1, 'it came')
  })

  it('has no start in the past', async () => {
    const port = await startRedis()
    const follower = new Follower(new URL(`redis://127.0.0.1:${port}/a`), { since: 'all' })
    await follower.done
    expect(String(follower.failure)).toContain('this server is no Fanfare')
  })

  it('may want a password', async () => {
    const port = await startRedis('--requirepass', 'se:cret')
    const [none, wrong, right, named] = ['', ':x@', ':se%3Acret@', 'default:se%3Acret@'].map(
      (who) => new Follower(new URL(`redis://${who}127.0.0.1:${port}/a`)),
    )
    await Promise.all([none?.done, wrong?.done])
    expect(String(none?.failure)).toContain('wants a password: redis://:PASSWORD@')
    expect(String(wrong?.failure)).toContain('WRONGPASS')
    await until(() => right?.count('connected') === 1 && named?.count('connected') === 1, 'in')
    expect(JSON.stringify(right?.seen)).not.toContain('cret')
  })
})

describe.skipIf(['Redis', 'OpenSSL'].some((name) => missing.includes(name)))('rediss: URLs', () => {
  it('are encrypted, and a certificate that nobody vouches for is refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fanfare-tls-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const files = ['key.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string]
    const [key, cert] = files
    const about = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert]
    execFileSync('openssl', [...made, ...about], { stdio: 'ignore' })
    const tlsPort = await freePort()
    const plain = ['--tls-port', String(tlsPort), '--tls-key-file', key, '--tls-cert-file', cert]
    const port = await startRedis(...plain, '--tls-auth-clients', 'no')
    const url = `rediss://localhost:${tlsPort}/a`
    const unknown = fanfare(['watch', url])
    await unknown.complained('nobody who is trusted has signed its certificate')
    const known = fanfare(['watch', url], { env: { NODE_EXTRA_CA_CERTS: cert } })
    while ((await redisCli(port, 'PUBLISH', 'a', 'hi')) === '0');
    expect((await known.printed(1))[0]).toMatch(/ a hi$/)
  })
})

describe('small servers', () => {
  it('may know no more than SUBSCRIBE, as the one of Notistream', async () => {
    const port = await fakeServer((socket) => {
      socket.on('data', (bytes) => {
        const text = bytes.toString()
        if (!text.includes('SUBSCRIBE')) socket.write('-ERR No such command\r\n')
        else {
          socket.write('*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n')
          socket.write('-ERR No such command\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n')
        }
      })
    })
    const follower = new Follower(new URL(`redis://127.0.0.1:${port}/a`))
    await until(() => follower.bodies.length === 1, 'it came')
    expect(follower.bodies).toEqual(['hi'])
  })

  it('may be none', async () => {
    const port = await fakeServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const follower = new Follower(new URL(`redis://127.0.0.1:${port}/a`))
    await until(() => follower.count('lost') === 1, 'it failed')
    expect(follower.seen[0]).toMatchObject({
      detail: expect.stringContaining('does not speak the Redis protocol'),
    })
  })
})

it.each([
  ['redis://localhost', 'path names the channel'],
  ['redis://localhost/a?b', 'written as %3F'],
  ['redis:///a', 'name a host'],
])('%s is refused in words', async (url, words) => {
  const follower = new Follower(new URL(url))
  await follower.done
  expect(String(follower.failure)).toContain(words)
})
