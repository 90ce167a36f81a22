/** A hook whose server wants a key. */
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { KeyFile } from '../access/keyed.ts'
import { run } from '../cli/cli-program.ts'
import { startServer } from '../support/server.ts'
import { GIT_ENV, TestRepository } from './git-repository.ts'

it('is shown one, by the environment or an option, and keeps what it may not send', async () => {
  const keys = new KeyFile()
  const { server } = await startServer(
    `feed: { port: 0 }\n${keys.yaml('trusted: { publish: [] }')}`,
  )
  const place = server.places.find(({ what }) => what === 'feed')
  const key = keys.make('hook', { publish: ['/'] })
  const repository = new TestRepository()
  const before = repository.commit('first')
  const after = repository.commit('second')
  const args = ['--timeout', '30s', '--url', `${place?.where}/json`]
  const options = {
    stdin: `${before} ${after} refs/heads/main\n`,
    env: { ...GIT_ENV, GIT_DIR: join(repository.path, '.git') },
  }

  const keyless = await run(['hook', 'post-receive', ...args], options)
  expect(keyless).toMatchObject({ code: 0, stderr: expect.stringContaining('1 event kept') })

  const env = { ...options.env, FANFARE_KEY: key }
  const flushed = await run(['hook', 'flush', ...args], { env })
  expect(flushed).toEqual({ code: 0, stdout: '1 event sent\n', stderr: '' })

  const shown = await run(['hook', 'post-receive', ...args, '--access-key', key], options)
  expect(shown).toEqual({ code: 0, stdout: '', stderr: '' })
})
