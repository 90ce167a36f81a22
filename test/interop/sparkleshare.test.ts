/** SparkleShare's clients, in programs that know nothing of ours: Python's sockets, pyzmq. */
import { join } from 'node:path'
import { curveKeyPair } from 'zeromq'
import { describe, expect, it } from 'vitest'
import { folder, KeyFile } from '../access/keyed.ts'
import { Running } from '../cli/cli-program.ts'
import { startFanout } from '../protocols/fanout/fanout-client.ts'
import {
  newVersion,
  notify,
  startSparkleshare,
  xmlVersion,
  ZEROMQ,
} from '../protocols/sparkleshare/sparkleshare-client.ts'
import { until } from '../support/wait.ts'

const missing = (process.env['FANFARE_TEST_MISSING'] ?? '').split(',')
const PROGRAMS = 'test/interop/programs'
const REPO = '/home/alex/myrepo.git'
const CHANNEL = REPO.slice(1) as never
const REVISION = '99ebff687164b81c9624df8279f128fe'

type Arguments = readonly (string | number)[]

function python(name: string, ...args: Arguments): Running {
  return pythonWith({}, name, ...args)
}

function pythonWith(
  env: Readonly<Record<string, string>>,
  name: string,
  ...args: Arguments
): Running {
  // The system's own: pyzmq is a package of Debian's.
  return new Running('/usr/bin/python3', [`${PROGRAMS}/${name}.py`, ...args.map(String)], { env })
}

describe.skipIf(missing.includes('Python 3'))('sparkleshare over TCP, in Python', () => {
  it('watches and notifies in both dialects, and each hears the others', async () => {
    const { tcp, server } = await startSparkleshare()
    const json = python('sparkleshare-tcp', tcp, 'json', 'watch', REPO, 2)
    const xml = python('sparkleshare-tcp', tcp, 'xml', 'watch', REPO, 2)
    await until(() => server.hub().receivers(CHANNEL) === 2, 'both watch')
    for (const [dialect, revision] of [
      ['json', REVISION],
      ['xml', 'r2'],
    ] as const) {
      const notifier = python('sparkleshare-tcp', tcp, dialect, 'notify', REPO, revision)
      expect(await notifier.ended()).toBe(0)
    }
    expect(await json.printed(2)).toEqual([
      `Received: ${newVersion(REPO, REVISION)}`,
      `Received: ${newVersion(REPO, 'r2')}`,
    ])
    expect(await xml.printed(2)).toEqual([
      `Received: ${xmlVersion(REPO, `New revision is ${REVISION}`)}`,
      `Received: ${xmlVersion(REPO, 'New revision is r2')}`,
    ])
    expect(await json.ended()).toBe(0)
    expect(await xml.ended()).toBe(0)
  })

  it('reads two notifications of one packet in two reads', async () => {
    // Long enough for any machine; the default is enough for most.
    const { tcp, server } = await startSparkleshare('pace: 30ms, zeromq: false')
    const watcher = python('sparkleshare-tcp', tcp, 'json', 'watch', REPO, 2)
    await until(() => server.hub().receivers(CHANNEL) === 1, 'it watches')
    await notify(tcp, newVersion(REPO, 'r1') + newVersion(REPO, 'r2'))
    expect(await watcher.printed(2)).toEqual([
      `Received: ${newVersion(REPO, 'r1')}`,
      `Received: ${newVersion(REPO, 'r2')}`,
    ])
  })

  it.each(['json', 'xml'])('notifies without a revision: %s', async (dialect) => {
    const { tcp, server } = await startSparkleshare()
    const watcher = python('sparkleshare-tcp', tcp, 'json', 'watch', REPO, 1)
    await until(() => server.hub().receivers(CHANNEL) === 1, 'it watches')
    await python('sparkleshare-tcp', tcp, dialect, 'notify', REPO).ended()
    expect(await watcher.printed(1)).toEqual([`Received: ${newVersion(REPO, null)}`])
  })
})

describe.skipIf(missing.includes('ZeroMQ for Python'))(
  'sparkleshare over ZeroMQ, in Python',
  () => {
    it('watches and notifies', async () => {
      const { broadcast, command, tcp, server } = await startSparkleshare(ZEROMQ)
      const watcher = python('sparkleshare-zmq', broadcast, 'watch', REPO, 2)
      await until(() => server.hub().receivers(CHANNEL) === 1, 'it watches')
      expect(await python('sparkleshare-zmq', command, 'notify', REPO, REVISION).ended()).toBe(0)
      await watcher.printed(1)
      // Its prefix is that of another, which it passes by itself.
      await notify(tcp, newVersion(`${REPO}.wiki`, 'no') + newVersion(REPO, 'r2'))
      expect(await watcher.printed(2)).toEqual([
        `Received on ${REPO}: ${REVISION}`,
        `Received on ${REPO}: r2`,
      ])
      expect(await watcher.ended()).toBe(0)
    })

    it.each(['plain', 'curve'])('watches and notifies with a key, by %s', async (security) => {
      const file = new KeyFile()
      const pair = curveKeyPair()
      const secret = file.make('tool', {
        publish: [REPO],
        subscribe: [REPO],
        curve: pair.publicKey,
      })
      const curveKey = JSON.stringify(join(folder(), 'zeromq.key'))
      const zeromq = `zeromq: { broadcast: 0, command: 0, security: ${security}, curveKey: ${curveKey} }`
      const yaml = `trustedPeers: []\n${file.yaml()}`
      const { broadcast, command, server } = await startSparkleshare(zeromq, yaml)
      const serverKey = server.places.find(({ what }) => what === 'zmq key')?.where
      const shown =
        security === 'plain'
          ? { ZMQ_PLAIN: `tool:${secret}` }
          : { ZMQ_CURVE: `${serverKey} ${pair.publicKey} ${pair.secretKey}` }
      const watcher = pythonWith(shown, 'sparkleshare-zmq', broadcast, 'watch', REPO, 1)
      await until(() => server.hub().receivers(CHANNEL) === 1, 'it watches')
      const notifier = pythonWith(shown, 'sparkleshare-zmq', command, 'notify', REPO, REVISION)
      expect(await notifier.ended()).toBe(0)
      expect(await watcher.printed(1)).toEqual([`Received on ${REPO}: ${REVISION}`])
    })
  },
)

describe.skipIf(missing.includes('Python 3'))('fanout, in Python', () => {
  it('listens, and hears what the git hook announces', async () => {
    const { fanoutPort, server } = await startFanout()
    const listener = python('fanout-client', fanoutPort, 'listen', REVISION, 3)
    await until(() => server.hub().receivers(REVISION as never) === 1, 'it listens')
    for (const message of ['c0ffee01', 'c0ffee02', 'c0ffee03']) {
      expect(await python('fanout-client', fanoutPort, 'hook', REVISION, message).ended()).toBe(0)
      await until(() => listener.stdout.includes(message), message)
    }
    expect(await listener.printed(4)).toEqual([
      `${REVISION}: c0ffee01`,
      `${REVISION}: c0ffee02`,
      `${REVISION}: c0ffee03`,
      'alive',
    ])
    expect(await listener.ended()).toBe(0)
  })
})
