import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fanfare, type Running } from '../cli/cli-program.ts'
import { temporaryFolder } from '../server/reload-support.ts'
import { until } from '../support/wait.ts'

const OFF = ['feed', 'redis', 'fanout', 'sparkleshare', 'management'].map(
  (door) => `${door}: false\n`,
)

async function serve(yaml: string, ...args: string[]): Promise<{ running: Running; file: string }> {
  const file = join(temporaryFolder(), 'fanfare.yaml')
  writeFileSync(file, yaml)
  const running = fanfare(['serve', '--config', file, '--no-watch', ...args], { stdin: '' })
  await until(
    () => running.stdout.includes('Stop with') || running.process.exitCode !== null,
    'it listens',
    30_000,
  )
  return { running, file }
}

function eventsOf({ stderr }: Running): Record<string, unknown>[] {
  const lines = stderr.split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('fanfare serve, where nobody looks at a terminal', { timeout: 60_000 }, () => {
  it('says everything on standard error as JSON, and no secret', async () => {
    const yaml = [
      'port: 0\naddress: 0.0.0.0\n',
      'store: { type: redis, url: "redis://me:hunter2hunter2@127.0.0.1:1/0" }\n',
      ...OFF,
    ].join('')
    const { running, file } = await serve(yaml)
    await running.complained('store.unavailable')
    writeFileSync(file, `${yaml}webhooks: { github: { secret: changed-secret } }\nlimit: 3\n`)
    running.process.kill('SIGHUP')
    await running.complained('the former one holds on')
    running.process.kill('SIGTERM')
    expect(await running.ended()).toBe(0)

    const events = eventsOf(running)
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining([
        'server.started',
        'server.open',
        'store.unavailable',
        'config.problem',
        'config.refused',
        'server.stopping',
      ]),
    )
    expect(events.find(({ event }) => event === 'store.unavailable')).toMatchObject({
      level: 'error',
      store: 'default',
    })
    expect(running.stdout).toContain('listens on http://')
    expect(running.stderr + running.stdout).not.toMatch(/hunter2|changed-secret/)
  })

  it('takes level and form from the command line, and the level from a reload', async () => {
    const yaml = ['port: 0\nstore: { type: memory }\n', ...OFF].join('')
    const { running, file } = await serve(yaml, '--log-format', 'json', '--log-level', 'error')
    writeFileSync(file, `${yaml}limits: { maxBodyBytes: 1KiB }\n`)
    running.process.kill('SIGHUP')
    await until(() => running.stdout.includes('limits.maxBodyBytes'), 'it was read again')
    expect(running.stderr).toBe('')
  })

  it('is for people where that is asked for', async () => {
    const yaml = ['port: 0\nstore: { type: redis, port: 1 }\n', ...OFF].join('')
    const { running } = await serve(yaml, '--log-format', 'pretty')
    await running.complained('Redis at localhost:1 is not available')
    expect(running.stderr).toMatch(/^\d\d:\d\d:\d\d error Redis at .* store=default$/m)
  })
})
