import type { Args } from './parser.ts'

/**
 * A whole number as Redis reads one: no sign but `-`, no leading zeros.
 * @returns undefined when it is none, or has more than 15 digits
 */
export function integerOf(text: string): number | undefined {
  return /^(?:0|-?[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined
}

export function integerAt(args: Args, index: number): number | undefined {
  return args.length(index) > 16 ? undefined : integerOf(args.text(index))
}
