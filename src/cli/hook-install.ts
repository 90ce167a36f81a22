import { randomUUID } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { link, lstat, mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { shown } from '../client/http.ts'
import { Git } from '../repository/git.ts'
import { BEFORE, hookScript, MARKER } from './hook-script.ts'
import { feedUrl, hookSettings, reasonFor } from './hook-settings.ts'
import { printable } from './printable.ts'
import { UsageError } from './target.ts'

export interface InstallFlags {
  readonly url?: string
  readonly project?: string
}

interface Hooks {
  readonly folder: string
  readonly hook: string
  readonly before: string
  /** The folder is not the repository's own. */
  readonly shared: boolean
}

/**
 * Adds our post-receive hook to a repository, beside one that is there.
 * @returns the exit code
 */
export function install(repository: string, flags: InstallFlags): Promise<number> {
  return told(async () => {
    const git = new Git({ cwd: repository })
    const hooks = await findHooks(git, repository)
    if (flags.url !== undefined) feedUrl(flags.url)
    const done = await place(hooks)
    for (const key of ['url', 'project'] as const) {
      const value = flags[key]
      if (value !== undefined) await git.read(['config', `fanfare.${key}`, value])
    }
    const { url, project } = await hookSettings(git, {}, { defaultTimeout: 0, cwd: repository })
    console.log(done)
    if (await exists(hooks.before)) {
      console.log(`The hook that was there runs first, as ${hooks.before}`)
    }
    if (hooks.shared) {
      console.log(`Every repository that uses ${hooks.folder} has it now (core.hooksPath)`)
    }
    console.log(`Pushes are announced to ${display(url)} as project ${project}`)
    console.log(`Try it: curl -N ${display(url)}   and push something`)
  })
}

/**
 * Takes our hook out, and puts back the one that was there.
 * @returns the exit code
 */
export function uninstall(repository: string): Promise<number> {
  return told(async () => {
    const { hook, before } = await findHooks(new Git({ cwd: repository }), repository)
    if (!(await isOurs(hook))) {
      if (!(await exists(before))) throw new UsageError(`${hook} is not ours: nothing to take out`)
      throw new UsageError(`${hook} is not ours, but ${before} is there; put them right by hand`)
    }
    if (await exists(before)) {
      await rename(before, hook)
      console.log(`Took our hook out; ${hook} is again what it was`)
    } else {
      await rm(hook)
      console.log(`Removed ${hook}`)
    }
  })
}

async function findHooks(git: Git, repository: string): Promise<Hooks> {
  const stats = await lstat(repository).catch(() => undefined)
  if (!stats) throw new UsageError(`there is no ${repository}`)
  const args = ['rev-parse', '--git-common-dir', '--git-path', 'hooks']
  const said = (await git.read(args)).toString('utf8').trimEnd().split('\n')
  const [common, folder] = said.map((path) => resolve(repository, path)) as [string, string]
  const hook = join(folder, 'post-receive')
  const shared = relative(common, folder).startsWith('..')
  return { folder, hook, before: join(folder, BEFORE), shared }
}

/** @returns what was done, for people */
async function place({ folder, hook, before }: Hooks): Promise<string> {
  const script = hookScript(process.execPath, realpathSync(process.argv[1] as string))
  const ours = await isOurs(hook)
  if (ours && (await beginningOf(hook)) === script) return `${hook} is installed already`
  const isThere = await exists(hook)
  if (!ours && isThere && (await exists(before))) {
    throw new UsageError(`${before} is there already; move it away first`)
  }
  await mkdir(folder, { recursive: true })
  const temporary = `${hook}.${randomUUID()}.new`
  try {
    await writeFile(temporary, script, { mode: 0o755 })
    // By a second name first: at no moment is the repository without its hook.
    if (!ours && isThere) await link(hook, before).catch(() => rename(hook, before))
    await rename(temporary, hook)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  return `${ours ? 'Renewed' : 'Installed'} ${hook}`
}

/** A link to a hook of ours is not ours: it is another's way to have it. */
async function isOurs(hook: string): Promise<boolean> {
  const stats = await lstat(hook).catch(() => undefined)
  if (!stats?.isFile()) return false
  return (await beginningOf(hook)).includes(`\n${MARKER}`)
}

/** Enough of a file to know ours, which are shorter than that. */
async function beginningOf(path: string): Promise<string> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(16_384), 0, 16_384, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

/** A password in it is not for the screen. */
function display(url: string): string {
  return URL.canParse(url) ? shown(new URL(url)) : url
}

async function told(work: () => Promise<void>): Promise<number> {
  try {
    await work()
    return 0
  } catch (error) {
    console.error(`fanfare: ${printable(reasonFor(error))}`)
    return 1
  }
}
