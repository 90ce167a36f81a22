/**
 * Splits a command that came as a line of text, with Redis's quoting (sdssplitargs): "…" with \n \r \t
 * \b \a \xHH and \ before any other byte, '…' with \' only.
 * @param line one character a byte
 * @returns undefined when a quote is not closed, or something follows it at once
 */
export function splitInline(line: string): string[] | undefined {
  const args: string[] = []
  let at = 0
  for (;;) {
    while (at < line.length && isSpace(line.charCodeAt(at))) at++
    // C's text ends at a NUL, and so does Redis's line.
    if (at >= line.length || line[at] === '\0') return args
    const word = readWord(line, at)
    if (!word) return undefined
    args.push(word.text)
    at = word.end
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  a: '\x07',
}

function readWord(line: string, from: number): { text: string; end: number } | undefined {
  let text = ''
  let at = from
  while (at < line.length) {
    const char = line[at] as string
    if (isSpace(line.charCodeAt(at)) || char === '\0') break
    if (char === '"' || char === "'") {
      const quoted = char === '"' ? readDouble(line, at + 1) : readSingle(line, at + 1)
      if (!quoted) return undefined
      const after = line.charCodeAt(quoted.end)
      if (quoted.end < line.length && !isSpace(after)) return undefined
      return { text: text + quoted.text, end: quoted.end }
    }
    text += char
    at++
  }
  return { text, end: at }
}

function readDouble(line: string, from: number): { text: string; end: number } | undefined {
  let text = ''
  for (let at = from; at < line.length; at++) {
    const char = line[at] as string
    if (char === '"') return { text, end: at + 1 }
    if (char !== '\\' || at + 1 >= line.length) {
      text += char
      continue
    }
    const hex = /^x[0-9a-f]{2}$/i.test(line.slice(at + 1, at + 4))
    if (hex) {
      text += String.fromCharCode(Number.parseInt(line.slice(at + 2, at + 4), 16))
      at += 3
    } else {
      const next = line[++at] as string
      text += ESCAPES[next] ?? next
    }
  }
  return undefined
}

function readSingle(line: string, from: number): { text: string; end: number } | undefined {
  let text = ''
  for (let at = from; at < line.length; at++) {
    const char = line[at] as string
    if (char === "'") return { text, end: at + 1 }
    if (char === '\\' && line[at + 1] === "'") {
      text += "'"
      at++
    } else text += char
  }
  return undefined
}

/** C's isspace. */
function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
}
