/**
 * Output of git as fields that end with NUL. A field is cut at `most` bytes, so that a commit with an
 * endless message costs a bounded memory.
 */
export async function* fieldsOf(
  pieces: AsyncIterable<Buffer>,
  most: number,
): AsyncGenerator<Buffer, void> {
  let kept: Buffer[] = []
  let length = 0
  const keep = (bytes: Buffer): void => {
    const room = most - length
    if (room > 0) kept.push(bytes.length > room ? bytes.subarray(0, room) : bytes)
    length += bytes.length
  }
  for await (const piece of pieces) {
    let from = 0
    for (let at = piece.indexOf(0); at !== -1; at = piece.indexOf(0, from)) {
      if (length === 0 && at - from <= most) yield piece.subarray(from, at)
      else {
        keep(piece.subarray(from, at))
        yield Buffer.concat(kept)
        kept = []
        length = 0
      }
      from = at + 1
    }
    if (from < piece.length) keep(piece.subarray(from))
  }
  if (length > 0) yield Buffer.concat(kept)
}

/** Output of git as lines, one character a byte: names of refs need not be UTF-8. */
export async function* linesOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  let rest = ''
  for await (const piece of pieces) {
    const lines = (rest + piece.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
