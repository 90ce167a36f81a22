import { expect, it } from 'vitest'
import { startServer } from '../../support/server.ts'
import { EVENT_HEADERS, fixture, JSON_TYPE, lines, post, published } from './support.ts'

const GH = 'https://github.com/octocat/hello-world'
const GL = 'https://gitlab.example.com/mike/diaspora'
const GT = 'https://gitea.example.com/gitea/webhooks'
const BB = 'https://bitbucket.org/emma/tower'

/** forge, event, file, channel: line, attributes beside kind and source */
const PLAIN: [string, string, string, string, Record<string, string>][] = [
  [
    'github',
    'ping',
    'ping',
    'octocat/hello-world: The webhook of octocat/hello-world works: Keep it logically awesome.',
    {},
  ],
  [
    'github',
    'issues',
    'issues',
    'octocat/hello-world: octocat opened issue #5 in octocat/hello-world: It says hello twice',
    { action: 'opened', url: `${GH}/issues/5` },
  ],
  [
    'github',
    'issue_comment',
    'issue_comment',
    'octocat/hello-world: octocat commented on issue #5 in octocat/hello-world: I see it too.',
    { action: 'created', url: `${GH}/issues/5#issuecomment-99` },
  ],
  [
    'github',
    'pull_request',
    'pull_request',
    'octocat/hello-world: octocat merged pull request #2 in octocat/hello-world: Say goodbye',
    { action: 'closed', url: `${GH}/pull/2` },
  ],
  [
    'github',
    'pull_request_review',
    'pull_request_review',
    'octocat/hello-world: octocat requested changes to pull request #2 in octocat/hello-world: Say goodbye',
    { action: 'submitted', url: `${GH}/pull/2#pullrequestreview-80` },
  ],
  [
    'github',
    'pull_request_review_comment',
    'pull_request_review_comment',
    'octocat/hello-world: octocat commented on pull request #2 in octocat/hello-world: A comma is missing.',
    { action: 'created', url: `${GH}/pull/2#discussion_r10` },
  ],
  [
    'github',
    'release',
    'release',
    'octocat/hello-world: octocat published release v1.0 of octocat/hello-world: The first',
    { action: 'published', url: `${GH}/releases/tag/v1.0` },
  ],
  [
    'github',
    'create',
    'create',
    'octocat/hello-world: octocat created branch feature/greeting in octocat/hello-world',
    {},
  ],
  [
    'github',
    'delete',
    'delete',
    'octocat/hello-world: octocat deleted tag v1.0 of octocat/hello-world',
    {},
  ],
  [
    'github',
    'fork',
    'fork',
    'octocat/hello-world: hubot forked octocat/hello-world to hubot/hello-world',
    { url: 'https://github.com/hubot/hello-world' },
  ],
  [
    'github',
    'star',
    'star',
    'octocat/hello-world: octocat starred octocat/hello-world',
    { action: 'created' },
  ],
  [
    'github',
    'watch',
    'watch',
    'octocat/hello-world: octocat starred octocat/hello-world',
    { action: 'started' },
  ],
  [
    'github',
    'workflow_run',
    'workflow_run',
    'octocat/hello-world: Workflow CI failed in octocat/hello-world (main): Add a greeting',
    { action: 'completed', url: `${GH}/actions/runs/30433642` },
  ],
  [
    'github',
    'check_run',
    'check_run',
    'octocat/hello-world: Check lint succeeded in octocat/hello-world (main): No problems found',
    { action: 'completed', url: `${GH}/runs/4` },
  ],
  [
    'github',
    'check_suite',
    'check_suite',
    'octocat/hello-world: Check suite GitHub Actions succeeded in octocat/hello-world (main): Add a greeting',
    { action: 'completed' },
  ],
  [
    'github',
    'deployment',
    'deployment',
    'octocat/hello-world: octocat started a deployment of main to production in octocat/hello-world: Nightly',
    { action: 'created' },
  ],
  [
    'github',
    'deployment_status',
    'deployment_status',
    'octocat/hello-world: Deployment of main to production succeeded in octocat/hello-world',
    { action: 'created', url: 'https://ci.example.com/1' },
  ],
  [
    'github',
    'label',
    'label',
    'octocat/hello-world: octocat label created in octocat/hello-world',
    { action: 'created' },
  ],
  [
    'github',
    'organization',
    'organization',
    'octo-org: octocat organization member added in octo-org',
    { action: 'member_added' },
  ],
  [
    'gitlab',
    'Issue Hook',
    'issue',
    'mike/diaspora: Sidney Jones opened issue #23 in mike/diaspora: New API: create/update/delete file',
    { action: 'open', url: `${GL}/-/issues/23` },
  ],
  [
    'gitlab',
    'Note Hook',
    'note',
    'mike/diaspora: Sidney Jones commented on merge request !1 in mike/diaspora: This MR needs work.',
    { action: 'create', url: `${GL}/-/merge_requests/1#note_1244` },
  ],
  [
    'gitlab',
    'Merge Request Hook',
    'merge_request',
    'mike/diaspora: Sidney Jones merged merge request !1 in mike/diaspora: MS-Viewport',
    { action: 'merge', url: `${GL}/-/merge_requests/1` },
  ],
  [
    'gitlab',
    'Pipeline Hook',
    'pipeline',
    'mike/diaspora: Pipeline #3 succeeded in mike/diaspora (main): Update the Catalan translation.',
    { url: `${GL}/-/pipelines/31` },
  ],
  [
    'gitlab',
    'Job Hook',
    'build',
    'mike/diaspora: Job test failed in mike/diaspora (main): test',
    { url: `${GL}/-/jobs/1977` },
  ],
  [
    'gitlab',
    'Release Hook',
    'release',
    'mike/diaspora: Release v1.1 created in mike/diaspora: The second',
    { action: 'create', url: `${GL}/-/releases/v1.1` },
  ],
  [
    'gitlab',
    'Deployment Hook',
    'deployment',
    'mike/diaspora: Deployment to staging succeeded in mike/diaspora (main): Add new file',
    { url: `${GL}/-/jobs/796` },
  ],
  [
    'gitlab',
    'Wiki Page Hook',
    'wiki_page',
    'mike/diaspora: Sidney Jones created wiki page Awesome in mike/diaspora',
    { action: 'create', url: `${GL}/-/wikis/awesome` },
  ],
  [
    'gitlab',
    'Feature Flag Hook',
    'feature_flag',
    'mike/diaspora: Sidney Jones feature flag in mike/diaspora',
    {},
  ],
  [
    'gitea',
    'issues',
    'issues',
    'gitea/webhooks: gitea opened issue #3 in gitea/webhooks: A hook too many',
    { action: 'opened', url: `${GT}/issues/3` },
  ],
  [
    'gitea',
    'issue_comment',
    'issue_comment',
    'gitea/webhooks: gitea commented on pull request #4 in gitea/webhooks: Yes, please',
    { action: 'created', url: `${GT}/pulls/4#issuecomment-9` },
  ],
  [
    'gitea',
    'pull_request',
    'pull_request',
    'gitea/webhooks: gitea pushed to pull request #4 in gitea/webhooks: Fewer hooks',
    { action: 'synchronized', url: `${GT}/pulls/4` },
  ],
  [
    'gitea',
    'pull_request_approved',
    'pull_request_approved',
    'gitea/webhooks: gitea approved pull request #4 in gitea/webhooks: Fewer hooks',
    { action: 'reviewed', url: `${GT}/pulls/4` },
  ],
  [
    'gitea',
    'pull_request_comment',
    'pull_request_comment',
    'gitea/webhooks: gitea reviewed pull request #4 in gitea/webhooks: Fewer hooks',
    { action: 'reviewed', url: `${GT}/pulls/4` },
  ],
  ['gitea', 'create', 'create', 'gitea/webhooks: gitea created tag v1.0 in gitea/webhooks', {}],
  [
    'gitea',
    'delete',
    'delete',
    'gitea/webhooks: gitea deleted branch develop of gitea/webhooks',
    {},
  ],
  [
    'gitea',
    'release',
    'release',
    'gitea/webhooks: gitea published release v1.0 of gitea/webhooks',
    { action: 'published', url: `${GT}/releases/tag/v1.0` },
  ],
  [
    'gitea',
    'fork',
    'fork',
    'gitea/webhooks: other forked gitea/webhooks to other/webhooks',
    { url: 'https://gitea.example.com/other/webhooks' },
  ],
  [
    'gitea',
    'repository',
    'repository',
    'gitea/webhooks: gitea repository created in gitea/webhooks',
    { action: 'created' },
  ],
  [
    'bitbucket',
    'pullrequest:created',
    'pullrequest_created',
    'emma/tower: Emma opened pull request #1 in emma/tower: Higher',
    { url: `${BB}/pull-requests/1` },
  ],
  [
    'bitbucket',
    'pullrequest:fulfilled',
    'pullrequest_fulfilled',
    'emma/tower: Emma merged pull request #1 in emma/tower: Higher',
    { url: `${BB}/pull-requests/1` },
  ],
  [
    'bitbucket',
    'pullrequest:comment_created',
    'pullrequest_comment_created',
    'emma/tower: Emma commented on pull request #1 in emma/tower: How high?',
    { url: `${BB}/pull-requests/1#comment-17` },
  ],
  [
    'bitbucket',
    'pr:merged',
    'pr_merged',
    'PROJ/repository: Administrator merged pull request #9 in PROJ/repository: file edited online',
    { url: 'https://bitbucket.example.com/projects/PROJ/repos/repository/pull-requests/9' },
  ],
  [
    'bitbucket',
    'issue:created',
    'issue_created',
    'emma/tower: Emma opened issue #1 in emma/tower: It leans',
    { url: `${BB}/issues/1` },
  ],
  [
    'bitbucket',
    'repo:commit_status_updated',
    'repo_commit_status_updated',
    'emma/tower: Build Unit tests succeeded in emma/tower (main): Took 3 minutes',
    { url: 'https://ci.example.com/12' },
  ],
  [
    'bitbucket',
    'repo:fork',
    'repo_fork',
    'emma/tower: Emma forked emma/tower to hubot/tower',
    { url: 'https://bitbucket.org/hubot/tower' },
  ],
  ['bitbucket', 'repo:updated', 'repo_updated', 'emma/tower: Emma repo updated in emma/tower', {}],
]

it.each(PLAIN)('%s %s', async (forge, event, file, line, attributes) => {
  const server = await startServer()
  const body = fixture(forge, file)

  const reply = await post(
    server,
    `/${forge}`,
    { ...JSON_TYPE, [EVENT_HEADERS[forge] ?? '']: event },
    body,
  )

  expect(reply.status).toBe(200)
  expect(await lines(server)).toEqual([line])
  const [message] = await published(server)
  const kind = forge === 'gitlab' ? file : event
  expect(message?.attributes).toEqual({ kind, source: forge, ...attributes })
  expect(message?.data).not.toMatch(/[\r\n]/)
  expect(JSON.parse(message?.data ?? '')).toEqual({ [kind]: JSON.parse(body.toString()) })
})

it('tells of an event in one line, whatever a forge sends for a word', async () => {
  const server = await startServer()
  const payload = { ...JSON.parse(fixture('github', 'label').toString()), action: 'made\nanew' }

  await post(
    server,
    '/github',
    { ...JSON_TYPE, 'X-GitHub-Event': 'label' },
    JSON.stringify(payload),
  )

  expect(await lines(server)).toEqual([
    'octocat/hello-world: octocat label made anew in octocat/hello-world',
  ])
})
