import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'

it.each(['always', 'interval', 'os'])(
  'a server that is killed at any moment has lost nothing acknowledged, with durability %s',
  { timeout: 180_000 },
  (durability) => {
    // 200 kills: node scripts/crash.mjs
    const args = ['scripts/crash.mjs', '--no-build', '--kills', '5', '--durability', durability]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })

    expect(stderr).toBe('')
    expect(status).toBe(0)
    const acknowledged = Number(
      /(\d+) acknowledged, \d+ stored, 0 lost, none twice/.exec(stdout)?.[1],
    )
    expect(acknowledged).toBeGreaterThan(20)
    const sessions = Number(/(\d+) sessions, none lost/.exec(stdout)?.[1])
    expect(sessions).toBeGreaterThan(20)
  },
)
