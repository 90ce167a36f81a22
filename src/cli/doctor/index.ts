/** `fanfare doctor`: whether the configuration, the machine and what is around it fit. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import pc from 'picocolors'
import { loadNode } from '../../cluster/configuration.ts'
import { ConfigError, formatProblems } from '../../config/index.ts'
import type { ResolvedConfig } from '../../config/types.ts'
import { holderOf } from '../../stores/file/lock.ts'
import type { Format } from '../flags.ts'
import { fail, type Finding, ok, type Patient, type State, warn } from './check.ts'
import { checkBacklog, checkFiles, checkFolder, checkNode, checkTls } from './machine.ts'
import { checkPort, isFanfare, ownerOf, portsOf } from './ports.ts'
import { checkKeys, checkManagement, checkRedis } from './services.ts'

export interface DoctorFlags {
  readonly config?: string
  readonly format?: Format
  readonly port?: string
  readonly address?: string
  readonly json?: boolean
}

/**
 * Looks, and says what it found: a line each.
 * @returns the exit code: 1 when something would keep a server from running
 */
export async function doctor(flags: DoctorFlags): Promise<number> {
  const findings = await examine(flags)
  if (flags.json) console.log(JSON.stringify(findings, undefined, 2))
  else {
    const width = Math.max(...findings.map(({ what: { length } }) => length))
    for (const finding of findings) console.log(lineOf(finding, width))
  }
  return findings.some(({ state }) => state === 'FAIL') ? 1 : 0
}

async function examine(flags: DoctorFlags): Promise<Finding[]> {
  const { findings, config } = checkConfig(flags)
  findings.unshift(checkNode())
  if (!config) return findings
  const ports = portsOf(config)
  const patient: Patient = { config, running: runningFor(config) }
  const { running } = patient
  findings.push(
    ok('server', running === undefined ? 'none runs here' : `runs as process ${running}`),
    checkFiles(patient),
    checkBacklog(),
  )
  for (const place of ports) findings.push(await checkPort(place, patient))
  for (const [name, store] of Object.entries(config.stores)) {
    if (store.type === 'file') findings.push(...(await checkFolder(name, store, patient)))
  }
  findings.push(...checkTls(config), ...checkKeys(config), ...(await checkRedis(config)))
  const management = ports.find(({ door }) => door === 'management')
  findings.push(await checkManagement(patient, management))
  return findings
}

function checkConfig({ config: file, format, port, address }: DoctorFlags): {
  findings: Finding[]
  config: ResolvedConfig | undefined
} {
  const what = 'configuration'
  const given = Object.entries({ port, address }).filter(([, value]) => value !== undefined)
  try {
    const source = { file, format, env: process.env, flags: Object.fromEntries(given) }
    const { config, warnings } = loadNode(source, '')
    const findings = warnings.map((problem) =>
      warn(what, formatProblems([problem], { color: false }).trim(), 'See docs/configuration.md.'),
    )
    if (findings.length === 0) findings.push(ok(what, file ?? 'the defaults'))
    return { findings, config }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const findings = error.problems.map((problem) => {
      // Of the file as a whole: it cannot be read.
      const advice = problem.line > 0 ? 'See docs/configuration.md.' : 'Name another with --config.'
      return fail(what, formatProblems([problem], { color: false }).trim(), advice)
    })
    return { findings, config: undefined }
  }
}

/** The process that serves this configuration: whoever has its log open, or listens on its main port. */
function runningFor(config: ResolvedConfig): number | undefined {
  const owner = config.port > 0 ? ownerOf(config) : undefined
  if (owner && isFanfare(owner.command)) return owner.pid
  for (const store of Object.values(config.stores)) {
    if (store.type !== 'file') continue
    const holder = existsSync(join(store.path, 'lock')) ? holderOf(store.path) : undefined
    // Another configuration may use the same folder: then it does not serve this one.
    if (holder && portsOf(config).some((place) => ownerOf(place)?.pid === holder.pid)) {
      return holder.pid
    }
  }
  return undefined
}

const MARKS: Readonly<Record<State, (text: string) => string>> = {
  ok: pc.green,
  warn: pc.yellow,
  FAIL: pc.red,
}

/** @param width of the widest name of a check */
function lineOf({ what, state, text, advice }: Finding, width: number): string {
  const line = `${MARKS[state](state.padEnd(4))}  ${what.padEnd(width)}  ${text}`
  return advice === undefined ? line : `${line}\n${' '.repeat(width + 8)}→ ${advice}`
}
