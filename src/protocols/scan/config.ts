import { Type } from 'typebox'
import { Door, Duration, LONGEST_TIMER, StoreName } from '../../config/kinds.ts'
import type { ConfigFragment } from '../../config/schema.ts'

export const scanSchema = Door(
  {
    rootFolder: Type.Union([Type.String({ minLength: 1 }), Type.Literal(false)], {
      description: 'The folder of the repositories; `false` = nothing is looked at.',
      default: false,
      examples: ['/srv/git'],
    }),
    scanCriteria: Type.String({
      description:
        'A Lua pattern that the name of a repository matches somewhere; `%.git` is a dot and `git`.',
      default: '%.git',
      examples: ['%.git$', '^[^.]'],
    }),
    gitFolder: Type.String({
      description:
        "Where in a repository git's own folder is: `/.git` where it has a working tree.",
      default: '',
      examples: ['/.git'],
    }),
    channel: Type.String({
      description: 'The channel of the events; the one of `/json` on the feed.',
      default: 'json',
      minLength: 1,
      maxLength: 512,
    }),
    store: StoreName(),
    interval: Duration({
      description:
        'How often all repositories are looked at; mostly the system tells at once when one changes.',
      default: '5s',
      least: '100ms',
      most: LONGEST_TIMER,
    }),
    state: Type.Optional(
      Type.String({
        description:
          'The file that remembers what was announced; `fanfare/scan-….json` in $XDG_STATE_HOME or ' +
          '~/.local/state unless given.',
        minLength: 1,
        examples: ['/var/lib/fanfare/scan.json'],
      }),
    ),
    maxRepositories: Type.Integer({
      description: 'How many repositories are looked at, at most.',
      default: 10_000,
      minimum: 1,
    }),
    maxCommits: Type.Integer({
      description: 'Commits that are announced of one change of a branch; of more, the newest.',
      default: 100,
      minimum: 0,
      maximum: 100_000,
    }),
  },
  {
    default: false,
    description: 'Announces what is pushed to the git repositories of a folder. See docs/git.md.',
  },
)

export const scanConfig: ConfigFragment = { keys: { scan: scanSchema } }
