import { firstText, flagAt, listAt, numberAt, textAt } from '../members.ts'
import { isZero, type Push, type PushedCommit } from './push.ts'

/** A push as GitHub tells it; Gitea, Forgejo and Gogs took the form over, GitLab most of it. */
export function readHubPush(value: unknown, repository: string): Push {
  const commits = listAt(value, 'commits').map(readCommit)
  const before = textAt(value, 'before')
  const after = textAt(value, 'after')
  const total = numberAt(value, 'total_commits_count') ?? numberAt(value, 'total_commits')
  return {
    repository,
    ref: textAt(value, 'ref'),
    before,
    after,
    commits,
    total: Math.max(total ?? 0, commits.length),
    compare: firstText(value, 'compare', 'compare_url'),
    sender: firstText(value, 'sender.login', 'sender.username', 'user_username'),
    pusher: firstText(
      value,
      'pusher.name',
      'pusher.login',
      'pusher.username',
      'user_name',
      'sender.login',
    ),
    forced: flagAt(value, 'forced'),
    created: flagAt(value, 'created') ?? (before !== undefined && isZero(before)),
    deleted: flagAt(value, 'deleted') ?? (after !== undefined && isZero(after)),
  }
}

function readCommit(value: unknown): PushedCommit {
  return {
    id: textAt(value, 'id'),
    message: textAt(value, 'message'),
    timestamp: textAt(value, 'timestamp'),
    url: textAt(value, 'url'),
    author: {
      name: textAt(value, 'author.name'),
      email: textAt(value, 'author.email'),
      username: textAt(value, 'author.username'),
    },
    added: paths(value, 'added'),
    removed: paths(value, 'removed'),
    modified: paths(value, 'modified'),
  }
}

function paths(value: unknown, name: string): string[] | undefined {
  const list = listAt(value, name)
  if (list.length === 0) return undefined
  return list.filter((path): path is string => typeof path === 'string')
}
