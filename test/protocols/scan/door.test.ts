import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { defaultStateFile } from '../../../src/protocols/scan/state.ts'
import { channelFromText } from '../../../src/model/channel.ts'
import { draftOf } from '../../../src/repository/event.ts'
import { eventsOf } from '../../../src/repository/events.ts'
import { Git } from '../../../src/repository/git.ts'
import { NONE } from '../../repository/git-repository.ts'
import { startServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'
import { EventsClient } from '../events/events-client.ts'
import { ScanRig } from './rig.ts'

const CHANNEL = channelFromText('json') ?? expect.fail()

function yamlOf(rig: ScanRig, more = ''): string {
  return `scan: { rootFolder: '${rig.root}', state: '${rig.state}', interval: 100ms${more} }`
}

interface Envelope {
  readonly body: string
  readonly type: string
  readonly data: { commit: Record<string, unknown> }
  readonly attributes: Record<string, string>
}

async function read(port: number, count: number, channel = 'json'): Promise<Envelope[]> {
  const stream = await EventsClient.follow(port, `/events/${channel}?since=all&format=json`)
  return (await stream.data(count)).map((json = '') => JSON.parse(json) as Envelope)
}

describe('the scan door', () => {
  it('is off unless there is a folder', async () => {
    const { server } = await startServer('scan: { scanCriteria: x }')
    expect(server.places.filter(({ what }) => what === 'scan')).toEqual([])
  })

  it('says where it looks, and publishes to the channel of the feed', async () => {
    const rig = new ScanRig()
    rig.clone()
    const { server, port } = await startServer(yamlOf(rig))
    expect(server.places).toContainEqual({ what: 'scan', where: `${rig.root} (1 repository)` })
    const hash = rig.work.commit('one')
    rig.push()
    const [message] = await read(port, 1)
    expect(message).toMatchObject({
      body: 'Ada committed to x.git: one',
      type: 'text/plain; charset=utf-8',
      data: { commit: { hash, project: 'x.git', ref: 'refs/heads/main', files: ['one'] } },
      attributes: { kind: 'commit', revision: hash, ref: 'refs/heads/main' },
    })
  })

  it('publishes to another channel and store', async () => {
    const rig = new ScanRig()
    rig.clone()
    const stores = 'store: { default: { type: memory }, b: { type: memory } }'
    const locations = 'locations: [{ type: events, prefix: /events/, store: b }]'
    const scan = yamlOf(rig, ', channel: git/all, store: b')
    const { port } = await startServer(`${stores}\n${locations}\n${scan}`)
    rig.work.commit('one')
    rig.push()
    expect((await read(port, 1, 'git/all'))[0]?.body).toContain('one')
  })

  it('announces nothing that a hook has announced', async () => {
    const rig = new ScanRig()
    const gitDir = rig.clone()
    const { server } = await startServer(yamlOf(rig))
    const old = rig.work.head()
    rig.work.commit('one')
    const hash = rig.work.commit('two')
    rig.work.git(['tag', 'v1'])
    rig.push('x.git', 'main', 'v1')
    // As fast as a hook: before the scan has a look.
    const hub = server.hub()
    const changes = [
      { old, new: hash, ref: 'refs/heads/main' },
      { old: NONE, new: hash, ref: 'refs/tags/v1' },
    ]
    for await (const json of eventsOf({ git: new Git({ gitDir }), project: 'x.git' }, changes)) {
      await hub.publish(draftOf(CHANNEL, json))
    }
    expect(messages()).toBe(3)
    // The scan is through with all before this one, as it announces it.
    rig.work.commit('three')
    rig.push()
    await until(() => messages() >= 4, 'the commit that no hook announced')
    const bodies = (await read(server.address.port, 4)).map(({ body }) => body)
    expect(bodies).toEqual([
      'Ada committed to x.git: one',
      'Ada committed to x.git: two',
      'New tag: v1 in x.git by Ada',
      'Ada committed to x.git: three',
    ])
    expect(messages()).toBe(4)
    function messages(): number {
      const stat = hub.stat(CHANNEL)
      return stat instanceof Promise ? 0 : (stat?.messages ?? 0)
    }
  })

  it.each([
    ['no such folder', `rootFolder: /no/such`, 'scan.rootFolder: there is no folder /no/such'],
    ['a file', `rootFolder: /dev/null`, 'scan.rootFolder: /dev/null is not a folder'],
    ['no pattern', `rootFolder: /tmp, scanCriteria: '%'`, 'scan.scanCriteria: not a Lua pattern'],
  ])('does not start: %s', async (_, options, message) => {
    await expect(startServer(`scan: { ${options} }`)).rejects.toThrow(message)
  })

  it('keeps its state where state is kept', () => {
    const before = process.env['XDG_STATE_HOME']
    onTestFinished(() => {
      if (before === undefined) delete process.env['XDG_STATE_HOME']
      else process.env['XDG_STATE_HOME'] = before
    })
    process.env['XDG_STATE_HOME'] = '/state'
    expect(defaultStateFile('/a')).toMatch(/^\/state\/fanfare\/scan-[0-9a-f]{16}\.json$/)
    expect(defaultStateFile('/b')).not.toBe(defaultStateFile('/a'))
    delete process.env['XDG_STATE_HOME']
    expect(defaultStateFile('/a')).toContain('/.local/state/fanfare/')
  })

  it('tells of a state of another folder', async () => {
    const rig = new ScanRig()
    const other = new ScanRig()
    await (await other.start()).stop()
    other.clone()
    await (await other.start()).stop()
    const text = JSON.stringify({ version: 1, rootFolder: '/other', repositories: {} })
    writeFileSync(other.state, text)
    const errors: unknown[] = []
    const state = join(other.folder, 'state/scan.json')
    const yaml = `scan: { rootFolder: '${rig.root}', state: '${state}' }`
    const { server } = await startServer(yaml, { onError: (error) => errors.push(error) })
    expect(server.places).toContainEqual({ what: 'scan', where: `${rig.root} (0 repositories)` })
    expect(String(errors[0])).toContain('is the state of another folder, /other')
  })
})
