import { describe, expect, it } from 'vitest'
import { RawClient, requestBytes } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'
import { EVENT_HEADERS, fixture, lines, post, published } from './support.ts'

const A = '6dcb09b5b57875f334f61aebed695e2e4193db5e'
const B = '7fd1a60b01f91b314f59955a4e4d4e80d8edf11d'
const C = '1481a2de7b2a7d02428ad93446ab166be7793fbb'
const GH = 'https://github.com/octocat/hello-world'
const COMPARE = `${GH}/compare/6dcb09b5b578...7fd1a60b01f9`
const GL = 'https://gitlab.example.com/mike/diaspora'
const GT = 'https://gitea.example.com/gitea/webhooks'

/** forge, event, file, channel: lines, revisions */
const PUSHES: [string, string, string, string[], (string | undefined)[]][] = [
  [
    'github',
    'push',
    'push',
    [
      'octocat/hello-world: Mona Lisa committed to octocat/hello-world: fix: say hello to the world: properly',
    ],
    [B],
  ],
  [
    'github',
    'push',
    'push-several',
    [
      'octocat/hello-world: octocat pushed 3 commits to octocat/hello-world (main): fix: say hello to the world: properly',
    ],
    [B],
  ],
  [
    'github',
    'push',
    'push-forced',
    [
      'octocat/hello-world: octocat force-pushed 1 commit to octocat/hello-world (main): fix: say hello to the world: properly',
    ],
    [B],
  ],
  [
    'github',
    'push',
    'push-forced-back',
    ['octocat/hello-world: octocat force-pushed branch main in octocat/hello-world to 7fd1a60'],
    [B],
  ],
  [
    'github',
    'push',
    'push-new-branch',
    ['octocat/hello-world: octocat created branch feature/greeting in octocat/hello-world'],
    [B],
  ],
  [
    'github',
    'push',
    'push-new-branch-commits',
    [
      'octocat/hello-world: octocat pushed 2 commits to octocat/hello-world (new branch feature/greeting): Translate it',
    ],
    [B],
  ],
  [
    'github',
    'push',
    'push-deleted',
    ['octocat/hello-world: octocat deleted branch feature/greeting of octocat/hello-world'],
    [undefined],
  ],
  [
    'github',
    'push',
    'push-tag',
    ['octocat/hello-world: octocat created tag v1.0 in octocat/hello-world'],
    [B],
  ],
  [
    'github',
    'push',
    'push-tag-deleted',
    ['octocat/hello-world: octocat deleted tag v1.0 of octocat/hello-world'],
    [undefined],
  ],
  [
    'github',
    '',
    'push-notistream',
    ['octocat/hello-world: Mona Lisa committed to octocat/hello-world: okay i give in'],
    [B],
  ],
  [
    'gitlab',
    'Push Hook',
    'push',
    ['mike/diaspora: Jordi Mallach committed to mike/diaspora: Update the Catalan translation.'],
    [B],
  ],
  [
    'gitlab',
    'Push Hook',
    'push-many',
    ['mike/diaspora: Sidney Jones pushed 40 commits to mike/diaspora (main): Two'],
    [B],
  ],
  [
    'gitlab',
    'Push Hook',
    'push-deleted',
    ['mike/diaspora: Sidney Jones deleted branch old of mike/diaspora'],
    [undefined],
  ],
  [
    'gitlab',
    'Tag Push Hook',
    'tag_push',
    ['mike/diaspora: Sidney Jones created tag v1.0.0 in mike/diaspora'],
    [B],
  ],
  [
    'gitea',
    'push',
    'push',
    ['gitea/webhooks: Gitea committed to gitea/webhooks: Webhooks Yay!'],
    [B],
  ],
  [
    'bitbucket',
    'repo:push',
    'repo_push',
    ['emma/tower: Emma pushed 2 commits to emma/tower (main): Second'],
    [B],
  ],
  [
    'bitbucket',
    'repo:push',
    'repo_push-refs',
    [
      'emma/tower: Emma Stone committed to emma/tower: Only one',
      'emma/tower: Emma created tag v1 in emma/tower',
      'emma/tower: Emma deleted branch old of emma/tower',
    ],
    [B, B, undefined],
  ],
  [
    'bitbucket',
    'repo:push',
    'repo_push-truncated',
    ['emma/tower: Emma pushed more than 5 commits to emma/tower (main): Fifth'],
    [B],
  ],
  [
    'bitbucket',
    'repo:refs_changed',
    'repo_refs_changed',
    ['PROJ/repository: Administrator pushed branch master in PROJ/repository'],
    [B],
  ],
  [
    'bitbucket',
    'repo:refs_changed',
    'repo_refs_changed-commits',
    ['PROJ/repository: Administrator committed to PROJ/repository: Only one'],
    [B],
  ],
]

describe('pushes', () => {
  it.each(PUSHES)('%s %s %s', async (forge, event, file, expected, revisions) => {
    const server = await startServer()
    const headers: Record<string, string> =
      event === '' ? {} : { [EVENT_HEADERS[forge] ?? '']: event }

    const reply = await post(server, `/${forge}`, headers, fixture(forge, file))

    expect(reply.status).toBe(200)
    expect(await lines(server)).toEqual(expected)
    const messages = await published(server)
    for (const [index, { attributes, data }] of messages.entries()) {
      expect(attributes).toMatchObject({ kind: 'push', source: forge })
      expect(attributes?.['revision']).toBe(revisions[index])
      const { push } = JSON.parse(data ?? '') as { push: Record<string, unknown> }
      expect(attributes?.['ref']).toBe(push['ref'])
      expect(push['after']).toBe(revisions[index])
      expect(push['deleted']).toBe(revisions[index] === undefined)
    }
  })

  it('say how many commits there were, also when the forge names but one of them', async () => {
    const server = await startServer()
    const push = {
      object_kind: 'push',
      user_name: 'Mona',
      project: { path_with_namespace: 'a/b' },
      commits: [{ message: 'Last' }],
      total_commits_count: 5,
    }
    await post(server, '/gitlab', {}, JSON.stringify(push))
    expect(await lines(server)).toEqual(['a/b: Mona pushed 5 commits to a/b: Last'])
  })

  it('are plain messages to an EventSource, with the line as their text', async () => {
    const server = await startServer()
    const client = await RawClient.connect(server.port)
    client.send(requestBytes('GET', '/events/octocat/'))
    await client.takeUntil('id: ')

    await post(server, '/github', { 'X-GitHub-Event': 'push' }, fixture('github', 'push'))

    const block = await client.takeUntil('properly\n\n')
    expect(block).toContain('data: Mona Lisa committed to octocat/hello-world: fix')
    expect(block).not.toContain('event:')
  })

  it('have the same members whatever the forge', async () => {
    const server = await startServer()
    await post(server, '/github', { 'X-GitHub-Event': 'push' }, fixture('github', 'push'))
    await post(server, '/gitlab', { 'X-Gitlab-Event': 'Push Hook' }, fixture('gitlab', 'push'))
    await post(server, '/gitea', { 'X-Forgejo-Event': 'push' }, fixture('gitea', 'push'))
    await post(
      server,
      '/bitbucket',
      { 'X-Event-Key': 'repo:push' },
      fixture('bitbucket', 'repo_push'),
    )

    const messages = await published(server)
    const pushes = messages.map(({ data }) => (JSON.parse(data ?? '') as { push: object }).push)

    expect(pushes[0]).toEqual({
      repository: 'octocat/hello-world',
      ref: 'refs/heads/main',
      before: A,
      after: B,
      commits: [
        {
          id: B,
          message: 'fix: say hello to the world: properly',
          timestamp: '2026-11-21T10:15:42+01:00',
          url: `${GH}/commit/${B}`,
          author: { name: 'Mona Lisa', email: 'mona@example.com', username: 'mona' },
          modified: ['README.md'],
        },
      ],
      total: 1,
      compare: COMPARE,
      sender: 'octocat',
      pusher: 'octocat',
      forced: false,
      created: false,
      deleted: false,
    })
    expect(messages[0]?.attributes).toEqual({
      kind: 'push',
      source: 'github',
      revision: B,
      ref: 'refs/heads/main',
      url: COMPARE,
    })
    expect(pushes[1]).toMatchObject({ compare: `${GL}/-/compare/${A}...${B}`, sender: 'sidney' })
    expect(pushes[2]).toMatchObject({ compare: `${GT}/compare/${A}...${B}`, pusher: 'gitea' })
    expect(pushes[3]).toMatchObject({
      commits: [
        { id: C, message: 'First\n' },
        { id: B, author: { name: 'Emma Stone', email: 'emma@example.com', username: 'emma' } },
      ],
    })
    const names = pushes.map((push) => Object.keys(push).filter((name) => name !== 'forced'))
    for (const keys of names) expect(keys).toEqual(names[0])
  })
})
