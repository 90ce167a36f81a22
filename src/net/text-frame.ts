/** WebSocket's text frames as a server sends them: final, unmasked, never fragmented (RFC 6455, 5.2). */

const TEXT = 0x81

/** One text as a frame. */
export function textFrame(text: string): Buffer {
  return textFrames([text])
}

/** Several texts, a frame each, in one Buffer. */
export function textFrames(texts: readonly string[]): Buffer {
  const lengths = texts.map((text) => Buffer.byteLength(text))
  let size = 0
  for (const length of lengths) size += headLength(length) + length
  const frames = Buffer.allocUnsafe(size)
  let at = 0
  for (const [index, text] of texts.entries()) {
    at = writeHead(frames, at, lengths[index] as number)
    at += frames.write(text, at)
  }
  return frames
}

/** The texts in a Buffer of whole frames that this file made. */
export function textsOf(frames: Buffer): string[] {
  const texts: string[] = []
  for (let at = 0; at < frames.length; ) {
    const short = frames[at + 1] as number
    const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10)
    let length = short
    if (short === 126) length = frames.readUInt16BE(at + 2)
    else if (short === 127)
      length = frames.readUInt32BE(at + 2) * 2 ** 32 + frames.readUInt32BE(at + 6)
    at = start + length
    texts.push(frames.toString('utf8', start, at))
  }
  return texts
}

function headLength(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10
}

function writeHead(frames: Buffer, at: number, length: number): number {
  frames[at] = TEXT
  if (length < 126) frames[at + 1] = length
  else if (length < 65_536) {
    frames[at + 1] = 126
    frames.writeUInt16BE(length, at + 2)
  } else {
    frames[at + 1] = 127
    frames.writeUInt32BE(Math.floor(length / 2 ** 32), at + 2)
    frames.writeUInt32BE(length >>> 0, at + 6)
  }
  return at + headLength(length)
}
