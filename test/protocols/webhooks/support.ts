import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { bytesToText } from '../../../src/model/channel.ts'
import { BEFORE_ALL } from '../../../src/model/id.ts'
import type { Message } from '../../../src/model/message.ts'
import { Selectors } from '../../../src/model/selector.ts'
import { request, type RawReply } from '../../support/raw.ts'
import type { TestServer } from '../../support/server.ts'

export const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
export const JSON_TYPE = { 'Content-Type': 'application/json' }

/** Everything that a server has published, oldest first. */
export async function published(
  { server }: TestServer,
  store?: string,
): Promise<readonly Message[]> {
  const selectors = new Selectors([], [''])
  const page = await server.hub(store).read({ selectors, after: BEFORE_ALL, limit: 1000 })
  return page.messages
}

/** What was published, in short. */
export async function lines(server: TestServer): Promise<string[]> {
  return (await published(server)).map(
    ({ channel, body }) => `${bytesToText(channel)}: ${body.toString()}`,
  )
}

/** A payload of test/fixtures/webhooks, as it would be sent. */
export function fixture(forge: string, name: string): Buffer {
  return readFileSync(`test/fixtures/webhooks/${forge}/${name}.json`)
}

export function post(
  { port }: TestServer,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer,
): Promise<RawReply> {
  return request(port, 'POST', path, headers, body)
}

export function hmacHex(secret: string, body: string | Buffer): string {
  return createHmac('sha256', secret).update(body).digest('hex')
}

export const WHSEC = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

/** The headers of Standard Webhooks, for now unless it says when. */
export function standardHeaders(
  body: string,
  { id = 'msg_1', seconds = Math.floor(Date.now() / 1000), secret = WHSEC } = {},
): Record<string, string> {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')
  return {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': `v1,${signature}`,
  }
}

/** How each forge names an event. */
export const EVENT_HEADERS: Record<string, string> = {
  github: 'X-GitHub-Event',
  gitlab: 'X-Gitlab-Event',
  gitea: 'X-Gitea-Event',
  bitbucket: 'X-Event-Key',
}
