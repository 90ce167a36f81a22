import { onTestFinished } from 'vitest'
import { RespClient } from '../protocols/redis/resp-client.ts'

/** Follows a channel with XREAD BLOCK, from the last id that it has seen, over any number of connections. */
export function xread(port: number, channel: string): { readonly bodies: string[] } {
  const bodies: string[] = []
  let last = '0-0'
  let stopped = false
  onTestFinished(() => void (stopped = true))
  const attempt = async (): Promise<void> => {
    const client = await RespClient.connect(port)
    while (!stopped) {
      const reply = await client.ask('XREAD', 'COUNT', 7, 'BLOCK', 1_000, 'STREAMS', channel, last)
      if (!Array.isArray(reply)) continue
      const [stream] = reply as [[string, [string, string[]][]]]
      for (const [id, fields] of stream[1]) {
        last = id
        bodies.push(fields[fields.indexOf('body') + 1] ?? '')
      }
    }
  }
  const keepOn = (): void => {
    if (!stopped) void attempt().catch(() => setTimeout(keepOn, 20))
  }
  keepOn()
  return { bodies }
}
