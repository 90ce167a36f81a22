import { onTestFinished } from 'vitest'
import { until } from '../support/wait.ts'

export interface Event {
  readonly name: string
  readonly data: unknown
}

/** A stream of the console's, as a page reads it. */
export class ConsoleClient {
  readonly status: number
  readonly events: Event[] = []
  readonly #end = new AbortController()

  private constructor(response: Response, end: AbortController) {
    this.status = response.status
    this.#end = end
    void this.#read(response)
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<ConsoleClient> {
    const end = new AbortController()
    const client = new ConsoleClient(await fetch(url, { headers, signal: end.signal }), end)
    onTestFinished(() => client.close())
    return client
  }

  close(): void {
    this.#end.abort()
  }

  /** All data of a name so far. */
  all<T>(name: string): T[] {
    return this.events.filter((event) => event.name === name).map(({ data }) => data as T)
  }

  /** Waits for an event that fits. */
  async next<T>(name: string, fits: (data: T) => boolean = () => true): Promise<T> {
    let found: T | undefined
    await until(() => {
      found = this.all<T>(name).find(fits)
      return found !== undefined
    }, `an event ${name}`)
    return found as T
  }

  async #read(response: Response): Promise<void> {
    let rest = ''
    try {
      for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        const parts = (rest + text).split('\n\n')
        rest = parts.pop() ?? ''
        for (const part of parts) {
          const [, name = '', data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? []
          this.events.push({ name, data: JSON.parse(data) })
        }
      }
    } catch {
      // Ended by the test, or with the server.
    }
  }
}

export async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url, { headers: { Accept: 'application/json' } })
  return (await response.json()) as T
}
