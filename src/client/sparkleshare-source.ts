import { namedAddress } from './address.ts'
import { shown } from './http.ts'
import { JsonObjects } from './json-objects.ts'
import { chunksOf, openSocket } from './socket.ts'
import { mustStartNow, parseJson, plainMessage, type Source } from './source.ts'

/** Of SparkleShare's notification server over TCP. */
export const SPARKLESHARE_PORT = 9999

/** One connection to a SparkleShare notification server, in its JSON form. It has no way to resume. */
export const sparkleshareSource: Source = async function* (url, cursor, options) {
  mustStartNow(options, "SparkleShare's protocol")
  const { host, port, text: repo } = namedAddress(url, SPARKLESHARE_PORT, 'repository')
  const socket = await openSocket({ host, port, signal: options.signal })
  cursor.forgets = true
  socket.write(commandOf({ repo, command: 'register' }))
  yield { kind: 'connected', detail: shown(url) }
  const objects = new JsonObjects()
  for await (const chunk of chunksOf(socket)) {
    for (const json of objects.push(chunk)) {
      const value = (parseJson(json) ?? {}) as Record<string, unknown>
      const { command, repo: about, revision } = value
      if (command !== 'new_version' || typeof about !== 'string') continue
      const body = typeof revision === 'string' ? revision : ''
      yield { ...plainMessage(about, body), json }
    }
  }
}

/** A command as the original's client writes it: spaces behind colons and commas, ASCII alone. */
export function commandOf(command: Readonly<Record<string, string>>): string {
  const members = Object.entries(command).map(([name, value]) => `${quote(name)}: ${quote(value)}`)
  return `{${members.join(', ')}}`
}

function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
