// What the scripts that try a server's patience have in common on their command line.
import { parseArgs } from 'node:util'
import { ensureBuilt, ensureInstalled } from '../lib.mjs'

const COMMON = {
  seed: { number: () => Date.now() % 2 ** 31 },
  'no-build': { flag: true },
  help: { flag: true },
}

/**
 * Reads the options, and builds the program unless they say not to. Ends the process for --help, and for what is wrong.
 * @param help all of it, for people; `--seed`, `--no-build` and `--help` are among every script's options
 * @param own by name: `{ number: DEFAULT }` (a number, or a function that makes it; undefined: none), `{ choice: […] }`
 * with the default first, or with `none: true` for no default, `{ text: true }` or `{ flag: true }`
 * @returns the values by name; numbers are numbers
 */
export function readOptions(help, own) {
  const all = { ...own, ...COMMON }
  const options = Object.fromEntries(
    Object.entries(all).map(([name, { flag }]) => [name, { type: flag ? 'boolean' : 'string' }]),
  )
  let given
  try {
    given = parseArgs({ options }).values
  } catch (error) {
    fail(error.message)
  }
  if (given.help) {
    console.log(help)
    process.exit(0)
  }
  const values = Object.fromEntries(
    Object.entries(all).map(([name, option]) => [name, valueOf(name, given[name], option)]),
  )
  if (!values['no-build']) {
    ensureInstalled()
    ensureBuilt()
  }
  return values
}

function valueOf(name, given, { flag, choice, none, text, number }) {
  if (flag) return given === true
  if (text) return given
  if (choice) {
    if (given === undefined) return none ? undefined : choice[0]
    if (!choice.includes(given)) fail(`--${name} is ${choice.join(' or ')}, not ${given}`)
    return given
  }
  if (given === undefined) return typeof number === 'function' ? number() : number
  const value = Number(given)
  if (given.trim() === '' || !(value >= 0 && value < Number.POSITIVE_INFINITY)) {
    fail(`--${name} is a number, not ${given}`)
  }
  return value
}

function fail(message) {
  console.error(`${message} (--help says more)`)
  process.exit(2)
}
