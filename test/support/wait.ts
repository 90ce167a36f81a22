/** Waits until `holds` does, looking again every other millisecond. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  ms = 10_000,
): Promise<void> {
  const end = performance.now() + ms
  for (;;) {
    const held = holds()
    if (held instanceof Promise ? await held : held) return
    if (performance.now() > end) throw new Error(`it did not happen in ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
