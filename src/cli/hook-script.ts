/** The hook that `fanfare hook install` writes. */

/** How a hook of ours is told from others. */
export const MARKER = '# fanfare-hook'
/** Where the hook that was there before is, beside ours. */
export const BEFORE = 'post-receive.before-fanfare'

/**
 * For any sh. What git says on standard input is kept, so that the hook that was there can read it
 * too; that one runs first, and its exit code is the hook's.
 * @param node the program that runs ours
 * @param program the file of ours
 */
export function hookScript(node: string, program: string): string {
  return `#!/bin/sh
${MARKER}: written by "fanfare hook install", taken out by "fanfare hook uninstall".
# Tells a Fanfare server what was pushed. It never fails a push. The hook that was here before is
# ${BEFORE}; it runs first, and its exit code counts.
node=${quote(node)}
fanfare=${quote(program)}
before="$(dirname "$0")/${BEFORE}"

pushed=$(cat)
tell() {
  if [ -n "$pushed" ]; then printf '%s\\n' "$pushed" 2>/dev/null; fi
}

code=0
if [ -x "$before" ]; then
  tell | "$before" "$@"
  code=$?
fi
if [ -x "$node" ] && [ -f "$fanfare" ]; then
  tell | "$node" "$fanfare" hook post-receive || :
else
  echo "fanfare: $fanfare (run by $node) is gone; this push was not announced" >&2
fi
exit "$code"
`
}

/** As sh reads it back, whatever it holds. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
