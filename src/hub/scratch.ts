/** Larger batches get bytes of their own. */
const SIZE = 64 * 2 ** 10
/** How often bytes are taken elsewhere before those that are still being sent are given up. */
const PATIENCE = 64

let block: Buffer = Buffer.allocUnsafeSlow(SIZE)
let view: Buffer = block.subarray(0, 0)
let busy = false
let missed = 0

/**
 * Bytes for an encoder to write a batch into, like `Buffer.allocUnsafe`, for sinks that keep a Buffer
 * only while they have unsent bytes.
 *
 * Nearly every batch is in the kernel's hands when the last write returns. Its bytes are used again for
 * the next one then, and often the very Buffer: a server of many channels would allocate one for each
 * message, and pay for it with page faults and garbage collection.
 */
export function scratchBytes(length: number): Buffer {
  if (length > SIZE) return Buffer.allocUnsafe(length)
  if (busy) {
    // A slow socket holds them; in a while, they are its own, and go when it is done with them.
    if (++missed < PATIENCE) return Buffer.allocUnsafe(length)
    block = Buffer.allocUnsafeSlow(SIZE)
    view = block.subarray(0, length)
    missed = 0
  } else if (view.length !== length) view = block.subarray(0, length)
  busy = true
  return view
}

/** Whether these bytes are to be given back. */
export function isScratch(bytes: Buffer): boolean {
  return bytes === view
}

/** Everyone who was written these bytes has sent them. Bytes that were not from here are no matter. */
export function giveBack(bytes: Buffer): void {
  if (bytes !== view) return
  busy = false
  missed = 0
}
