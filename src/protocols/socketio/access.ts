import { FanfareError } from '../../model/errors.ts'
import { Selectors } from '../../model/selector.ts'

/**
 * What a client named.
 * @param subtrees whether subtrees (`x/`) may be among it
 * @throws FanfareError `bad_channel`
 */
export function followable(names: readonly string[], subtrees: boolean): Selectors {
  let all = new Selectors([])
  for (const name of names) {
    const selected = Selectors.parseText(name)
    if (!selected) throw new FanfareError('bad_channel')
    if (selected.prefixes.length > 0 && !subtrees) {
      throw new FanfareError(
        'bad_channel',
        `${shown(name)} is a subtree: those are followed with {"as": "session"}.`,
      )
    }
    all = all.with(selected)
  }
  return all
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 80))
}
