import { firstText, flagAt, hasMember, onLine, subjectOf, textAt } from '../members.ts'
import { anyLine, numbered, type Told, withTitle } from './forge.ts'

/** The payload of an event, who caused it, and where. */
interface Scene {
  readonly value: unknown
  readonly who: string
  readonly where: string
  readonly action: string | undefined
}

/**
 * What people read of an event as GitHub, Gitea and Forgejo tell it.
 * @param where the repository, `owner/repo`
 */
export function tellHubEvent(kind: string, value: unknown, where: string): Told {
  const who = onLine(
    firstText(value, 'sender.login', 'sender.username', 'sender.name') ?? 'Somebody',
  )
  const action = textAt(value, 'action')
  const tell = TELLERS.get(kind)
  if (!tell) return { line: anyLine(who, kind, action && onLine(action), onLine(where)) }
  return tell({ value, who, where: onLine(where), action })
}

/** Actions whose names do not read well behind a name. */
const VERBS: ReadonlyMap<string | undefined, string> = new Map([
  [undefined, 'changed'],
  ['synchronize', 'pushed to'],
  ['synchronized', 'pushed to'],
  ['review_requested', 'requested a review of'],
  ['review_request_removed', 'took back a request to review'],
  ['ready_for_review', 'made ready for review'],
  ['converted_to_draft', 'made a draft of'],
  ['auto_merge_enabled', 'enabled auto-merge of'],
  ['auto_merge_disabled', 'disabled auto-merge of'],
  ['label_updated', 'labeled'],
  ['label_cleared', 'unlabeled'],
])

function verbOf(action: string | undefined): string {
  return VERBS.get(action) ?? onLine((action ?? '').replaceAll('_', ' '))
}

const CONCLUSIONS: ReadonlyMap<string | undefined, string> = new Map([
  ['success', 'succeeded'],
  ['failure', 'failed'],
  ['error', 'failed'],
  ['cancelled', 'was cancelled'],
  ['skipped', 'was skipped'],
  ['neutral', 'ended'],
  ['stale', 'went stale'],
  ['timed_out', 'timed out'],
  ['action_required', 'needs somebody'],
  ['startup_failure', 'could not start'],
  ['in_progress', 'runs'],
  ['queued', 'is queued'],
  ['requested', 'is requested'],
  ['created', 'is created'],
  ['pending', 'is pending'],
  ['waiting', 'waits'],
  ['completed', 'ended'],
  ['inactive', 'is inactive'],
])

function outcomeOf(value: unknown, ...paths: readonly string[]): string {
  const found = firstText(value, ...paths)
  return CONCLUSIONS.get(found) ?? onLine((found ?? 'changed').replaceAll('_', ' '))
}

function tellIssue({ value, who, where, action }: Scene): Told {
  const issue = numbered('issue', firstText(value, 'issue.number', 'number'))
  return {
    line: withTitle(
      `${who} ${verbOf(action)} ${issue} in ${where}`,
      subjectOf(textAt(value, 'issue.title')),
    ),
    url: textAt(value, 'issue.html_url'),
  }
}

function tellPull({ value, who, where, action }: Scene): Told {
  const merged = action === 'closed' && flagAt(value, 'pull_request.merged') === true
  return {
    line: withTitle(
      `${who} ${merged ? 'merged' : verbOf(action)} ${pullOf(value)} in ${where}`,
      subjectOf(textAt(value, 'pull_request.title')),
    ),
    url: textAt(value, 'pull_request.html_url'),
  }
}

function pullOf(value: unknown): string {
  return numbered('pull request', firstText(value, 'pull_request.number', 'number', 'issue.number'))
}

function commentVerb(action: string | undefined): string {
  if (action === undefined || action === 'created') return 'commented on'
  return `${verbOf(action)} a comment on`
}

function tellComment(scene: Scene): Told {
  const { value, who, where, action } = scene
  // Gitea's reviews that neither approve nor reject are comments by name.
  if (hasMember(value, 'review') && !hasMember(value, 'comment')) return tellReview(scene)
  // A pull request is an issue there as well.
  const pull = hasMember(value, 'pull_request') || hasMember(value, 'issue.pull_request')
  const isPull = pull || flagAt(value, 'is_pull') === true
  const what = isPull ? pullOf(value) : numbered('issue', textAt(value, 'issue.number'))
  return {
    line: withTitle(
      `${who} ${commentVerb(action)} ${what} in ${where}`,
      subjectOf(textAt(value, 'comment.body')),
    ),
    url: textAt(value, 'comment.html_url'),
  }
}

const REVIEWS: ReadonlyMap<string | undefined, string> = new Map([
  ['approved', 'approved'],
  ['changes_requested', 'requested changes to'],
  ['dismissed', 'dismissed a review of'],
  ['pull_request_review_approved', 'approved'],
  ['pull_request_review_rejected', 'requested changes to'],
])

function tellReview({ value, who, where, action }: Scene): Told {
  const state = action === 'dismissed' ? action : firstText(value, 'review.state', 'review.type')
  const verb = REVIEWS.get(state?.toLowerCase()) ?? 'reviewed'
  return {
    line: withTitle(
      `${who} ${verb} ${pullOf(value)} in ${where}`,
      subjectOf(textAt(value, 'pull_request.title')),
    ),
    url: firstText(value, 'review.html_url', 'pull_request.html_url'),
  }
}

function tellRelease({ value, who, where, action }: Scene): Told {
  const tag = textAt(value, 'release.tag_name')
  const name = subjectOf(textAt(value, 'release.name'))
  return {
    line: withTitle(
      `${who} ${verbOf(action)} ${numbered('release', tag && onLine(tag), '')} of ${where}`,
      name === tag ? '' : name,
    ),
    url: textAt(value, 'release.html_url'),
  }
}

function tellRef(verb: string, word: string): (scene: Scene) => Told {
  return ({ value, who, where }) => {
    const ref = textAt(value, 'ref')?.replace(/^refs\/(?:heads|tags)\//, '')
    const type = textAt(value, 'ref_type') ?? 'ref'
    return { line: `${who} ${verb} ${onLine(`${type} ${ref ?? ''}`)} ${word} ${where}` }
  }
}

function tellFork({ value, who, where }: Scene): Told {
  // Gitea has the new repository as the repository, and the old one beside it.
  const at = textAt(value, 'forkee.full_name') === where ? 'repository' : 'forkee'
  const fork = textAt(value, `${at}.full_name`)
  const target = fork === undefined ? '' : ` to ${onLine(fork)}`
  return { line: `${who} forked ${where}${target}`, url: textAt(value, `${at}.html_url`) }
}

function tellStar({ who, where, action }: Scene): Told {
  return { line: `${who} ${action === 'deleted' ? 'took a star from' : 'starred'} ${where}` }
}

function tellWorkflow({ value, where }: Scene): Told {
  const name = onLine(firstText(value, 'workflow_run.name', 'workflow.name') ?? '')
  const branch = textAt(value, 'workflow_run.head_branch')
  const outcome = outcomeOf(value, 'workflow_run.conclusion', 'workflow_run.status', 'action')
  return {
    line: withTitle(
      `${`Workflow ${name}`.trim()} ${outcome} in ${where}${onBranch(branch)}`,
      subjectOf(firstText(value, 'workflow_run.display_title', 'workflow_run.head_commit.message')),
    ),
    url: textAt(value, 'workflow_run.html_url'),
  }
}

function tellCheckRun({ value, where }: Scene): Told {
  const outcome = outcomeOf(value, 'check_run.conclusion', 'check_run.status', 'action')
  const name = onLine(textAt(value, 'check_run.name') ?? '')
  const branch = textAt(value, 'check_run.check_suite.head_branch')
  return {
    line: withTitle(
      `${`Check ${name}`.trim()} ${outcome} in ${where}${onBranch(branch)}`,
      subjectOf(textAt(value, 'check_run.output.title')),
    ),
    url: firstText(value, 'check_run.html_url', 'check_run.details_url'),
  }
}

function tellCheckSuite({ value, where }: Scene): Told {
  const outcome = outcomeOf(value, 'check_suite.conclusion', 'check_suite.status', 'action')
  const app = onLine(textAt(value, 'check_suite.app.name') ?? '')
  const branch = textAt(value, 'check_suite.head_branch')
  return {
    line: withTitle(
      `${`Check suite ${app}`.trim()} ${outcome} in ${where}${onBranch(branch)}`,
      subjectOf(textAt(value, 'check_suite.head_commit.message')),
    ),
  }
}

function deploymentOf(value: unknown): string {
  const ref = textAt(value, 'deployment.ref')
  const environment = textAt(value, 'deployment.environment')
  return onLine(
    `${ref === undefined ? '' : ` of ${ref}`}${environment === undefined ? '' : ` to ${environment}`}`,
  )
}

function tellDeployment({ value, who, where }: Scene): Told {
  return {
    line: withTitle(
      `${who} started a deployment ${deploymentOf(value)}`.trimEnd() + ` in ${where}`,
      subjectOf(textAt(value, 'deployment.description')),
    ),
  }
}

function tellDeploymentStatus({ value, where }: Scene): Told {
  const outcome = outcomeOf(value, 'deployment_status.state')
  return {
    line: withTitle(
      `Deployment ${deploymentOf(value)}`.trimEnd() + ` ${outcome} in ${where}`,
      subjectOf(textAt(value, 'deployment_status.description')),
    ),
    url: firstText(value, 'deployment_status.log_url', 'deployment_status.target_url'),
  }
}

function onBranch(branch: string | undefined): string {
  return branch === undefined ? '' : ` (${onLine(branch)})`
}

const TELLERS: ReadonlyMap<string, (scene: Scene) => Told> = new Map([
  [
    'ping',
    ({ value, where }: Scene) => ({
      line: withTitle(`The webhook of ${where} works`, subjectOf(textAt(value, 'zen'))),
    }),
  ],
  ['issues', tellIssue],
  ['issue_assign', tellIssue],
  ['issue_label', tellIssue],
  ['issue_milestone', tellIssue],
  ['issue_comment', tellComment],
  ['pull_request', tellPull],
  ['pull_request_assign', tellPull],
  ['pull_request_label', tellPull],
  ['pull_request_milestone', tellPull],
  ['pull_request_sync', tellPull],
  ['pull_request_review_request', tellPull],
  ['pull_request_comment', tellComment],
  ['pull_request_review', tellReview],
  ['pull_request_approved', tellReview],
  ['pull_request_rejected', tellReview],
  ['pull_request_review_comment', tellComment],
  ['release', tellRelease],
  ['create', tellRef('created', 'in')],
  ['delete', tellRef('deleted', 'of')],
  ['fork', tellFork],
  ['star', tellStar],
  ['watch', tellStar],
  ['workflow_run', tellWorkflow],
  ['check_run', tellCheckRun],
  ['check_suite', tellCheckSuite],
  ['deployment', tellDeployment],
  ['deployment_status', tellDeploymentStatus],
])
