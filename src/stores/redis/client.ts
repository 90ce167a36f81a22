import { readFile } from 'node:fs/promises'
import type { createClient as CreateClient } from '@redis/client'
import type { RedisAddress, RedisConnection, RedisTls } from './options.ts'

export type Client = ReturnType<typeof firstClient>

/** Whoever logs in, and to which database. */
type Login = Pick<RedisConnection, 'username' | 'password' | 'database' | 'tls'>

/**
 * Makes clients of one server; nothing connects yet.
 * @param timeout ms for a connection to be there
 * @throws Error that names a file of TLS that cannot be read
 */
export async function dialer(
  { username, password, database, tls }: Login,
  { host, port }: RedisAddress,
  timeout: number,
): Promise<() => Client> {
  const client = await templateClient()
  const secure = tls === false ? {} : { tls: true, ...(tls === true ? {} : await filesOf(tls)) }
  const login = {
    database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  }
  const socket = {
    reconnectStrategy: false as const,
    connectTimeout: timeout,
    noDelay: true,
    host,
    port,
    ...secure,
  }
  // Clients add to the settings that they are given: each has its own.
  return () => client.duplicate({ ...login, socket: { ...socket } })
}

let template: Promise<Client> | undefined

/**
 * What all clients are copies of; nothing connects it. `createClient` makes a class of hundreds of commands
 * for each new host and port, in 20 ms: too much where many connections are tried again and again.
 */
async function templateClient(): Promise<Client> {
  // Loaded when there is a Redis to speak to: others need not pay for it.
  template ??= import('@redis/client').then(({ createClient }) => firstClient(createClient))
  return await template
}

function firstClient(createClient: typeof CreateClient) {
  return createClient({ RESP: 2, disableOfflineQueue: true, disableClientInfo: true })
}

async function filesOf({ ca, cert, key, servername }: RedisTls): Promise<object> {
  const files = Object.entries({ ca, cert, key }).filter(([, path]) => path !== undefined)
  const read = files.map(async ([name, path]) => [name, await contentOf(name, path as string)])
  const contents = Object.fromEntries(await Promise.all(read)) as object
  return servername === undefined ? contents : { ...contents, servername }
}

async function contentOf(name: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new Error(`the file of tls.${name} cannot be read: ${wordsOf(error)}`, { cause: error })
  }
}

/** Ends a client, whatever it is doing. */
export function end(client: Pick<Client, 'destroy'>): void {
  try {
    client.destroy()
  } catch {
    // It was closed already.
  }
}

/** @throws Error when the work takes longer than so many ms */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not answer for ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    work.catch(() => {})
  }
}

export function wordsOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : String(error)
}
