import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { trustAuthority } from '../client/authorities.ts'
import { send } from '../client/http.ts'
import { reasonOf } from '../client/source.ts'
import { openApi } from '../services/openapi.ts'
import { phpFiles } from '../services/php.ts'
import type { GenerateFlags } from './flags.ts'
import { managementKeyGiven } from './target.ts'

/** What the classes need beside them; these are written by hand. */
const RUNTIME = ['NodeRPC_Service_Abstract.php', 'NodeRPC_Service_Exception.php', 'autoload.php']
/** Bytes of an answer that describes services. */
const MAX_ANSWER = 4 * 2 ** 20

/**
 * Writes PHP classes for all services, of this version or of a running server.
 * @returns the exit code
 */
export async function generatePhp(flags: GenerateFlags): Promise<number> {
  const { out, host, port, key, accessKey } = flags
  if (host === undefined && (port ?? key ?? accessKey) !== undefined) {
    console.error(
      '--port, --key and --access-key go with --host: without it, the classes are of this version',
    )
    return 1
  }
  try {
    if (flags.ca !== undefined) await trustAuthority(flags.ca)
    const text =
      host === undefined
        ? openApi()
        : await fetchOpenApi(urlOf(host, port ?? '8181'), managementKeyGiven(flags))
    const files = phpFiles(text)
    const bindings = bindingsFolder()
    mkdirSync(out, { recursive: true })
    for (const name of RUNTIME) copyFileSync(join(bindings, name), join(out, name))
    for (const [name, content] of files) writeFileSync(join(out, name), content)
    console.log(`${files.size} classes are in ${relative('.', out) || '.'}; require autoload.php.`)
    return 0
  } catch (error) {
    console.error(`cannot write the classes: ${reasonOf(error)}`)
    return 1
  }
}

/** In the package, found from source and from dist alike. */
function bindingsFolder(): string {
  for (const up of ['../..', '../../..']) {
    const folder = fileURLToPath(new URL(`${up}/bindings/php`, import.meta.url))
    if (existsSync(folder)) return folder
  }
  throw new Error('the folder bindings/php is missing from this installation')
}

/** @param host a name or an address, with https:// before it where the port has TLS */
function urlOf(host: string, port: string): URL {
  const [, scheme = 'http', name = ''] = /^(?:(https?):\/\/)?(.*?)\/?$/.exec(host) ?? []
  const bare = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name
  return new URL(`${scheme}://${bare}:${port}/openapi.json`)
}

async function fetchOpenApi(url: URL, key: string | undefined): Promise<string> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
  const response = await send(url, { method: 'GET', headers }).catch((error: unknown) => {
    throw new Error(`no answer from ${url.origin}: ${reasonOf(error)}`)
  })
  const text = await read(response, url)
  if (response.statusCode === 200) return text
  throw new Error(`${url.href} answered ${response.statusCode}: ${text.trim().slice(0, 500)}`)
}

async function read(response: IncomingMessage, url: URL): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  for await (const piece of response as AsyncIterable<string>) {
    text += piece
    if (text.length > MAX_ANSWER) throw new Error(`the answer of ${url.href} is too long`)
  }
  return text
}
