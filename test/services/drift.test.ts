import { readFileSync } from 'node:fs'
import { Compile } from 'typebox/schema'
import { describe, expect, it } from 'vitest'
import { type ErrorCode, ERRORS } from '../../src/model/errors.ts'
import type { MethodDefinition, ServiceDefinition } from '../../src/services/definition.ts'
import { SERVICES } from '../../src/services/definitions/index.ts'
import { request } from '../support/raw.ts'
import { type ManagedServer, startManaged } from '../protocols/management/support.ts'
import { Told } from '../protocols/management/support.ts'
import { type Document, schemaAt } from './openapi.ts'

/** Read from the definitions here, and not by the code that everything else is made with. */
const METHODS = Object.entries(SERVICES as Record<string, ServiceDefinition>).flatMap(
  ([service, { methods }]) =>
    Object.entries(methods).map(([name, definition]) => ({ service, name, definition })),
)

const named = ({ params }: MethodDefinition): Record<string, unknown> =>
  Object.fromEntries(params.map(({ name, example }) => [name, example]))

const segments = ({ params }: MethodDefinition): string[] =>
  params.map(({ type, example }) =>
    encodeURIComponent(type === 'object' ? JSON.stringify(example) : String(example)),
  )

/** A server on which most examples succeed. */
async function startWithExamples(): Promise<ManagedServer> {
  const server = await startManaged()
  await server.server.users.connect('1', new Told('c1'))
  await server.server.users.sessions.set('1', 'test')
  await server.server.users.subscribe(
    '1',
    'news' as Parameters<typeof server.server.users.subscribe>[1],
  )
  await server.post('/channel/publish', { channelId: 'news', message: 'x' })
  return server
}

const openApi = async (server: ManagedServer): Promise<Document> =>
  JSON.parse((await server.get('/openapi.json')).body.toString()) as Document

describe('every method of every definition', () => {
  it.each(METHODS)('$service/$name runs by POST as its definition says', async (method) => {
    const { service, name, definition } = method
    const server = await startWithExamples()
    const document = await openApi(server)
    const reply = await server.post(`/${service}/${name}`, named(definition))
    const text = reply.body.toString()
    if (reply.status !== 200) {
      const { error } = JSON.parse(text) as { error: { code: ErrorCode } }
      expect(definition.errors).toContain(error.code)
      expect(reply.status).toBe(ERRORS[error.code].status)
    } else if (definition.result) {
      const responses = document.paths[`/${service}/${name}`]?.post?.responses
      const schema = schemaAt(document, responses?.['200']?.content?.['application/json']?.schema)
      const [ok, errors] = Compile(schema).Errors(JSON.parse(text))
      expect(errors, text).toEqual([])
      expect(ok).toBe(true)
    } else expect(text).toBe('')
  })

  it.each(METHODS)(
    '$service/$name runs by GET, with and without what is optional',
    async (method) => {
      const { service, name, definition } = method
      const least = definition.params.filter(({ optional }) => !optional).length
      for (let count = least; count <= definition.params.length; count++) {
        const server = await startWithExamples()
        const path = ['', service, name, ...segments(definition).slice(0, count)].join('/')
        const reply = await server.get(path)
        expect(reply.headers['content-type'], path).toBe('text/html')
        if (reply.status === 200) expect(reply.body.length > 0, path).toBe('result' in definition)
        else {
          expect(reply.status).toBe(500)
          const possible = definition.errors.map((code) => ERRORS[code].message)
          const words = ['Authorization failed', ...possible]
          expect(words.some((known) => reply.body.toString().includes(known.slice(0, 12)))).toBe(
            true,
          )
        }
        const more = await server.get(`${path}${'/x'.repeat(definition.params.length - count + 1)}`)
        expect(more.status, path).toBe(404)
      }
    },
  )

  it.each(METHODS.filter(({ definition }) => definition.params.length > 0))(
    '$service/$name takes what its definition names, and nothing else',
    async ({ service, name, definition }) => {
      const server = await startWithExamples()
      for (const { name: param, optional } of definition.params) {
        const { [param]: _, ...others } = named(definition)
        const reply = await server.post(`/${service}/${name}`, others)
        const refused =
          reply.status === 400 && reply.body.toString().includes(`${param} is missing`)
        expect(refused, param).toBe(!optional)
      }
      const more = await server.post(`/${service}/${name}`, { ...named(definition), other: 1 })
      expect(more.status).toBe(400)
    },
  )
})

describe('what describes the services', () => {
  it('/api has every method in order, the original ones as they were', async () => {
    const { get } = await startManaged()
    const reply = await get('/API/')
    expect(reply).toMatchObject({ status: 200, headers: { 'content-type': 'text/html' } })
    const api = JSON.parse(reply.body.toString()) as Record<string, Record<string, unknown>>
    expect(
      Object.entries(api).flatMap(([s, methods]) => Object.keys(methods).map((m) => `${s}/${m}`)),
    ).toEqual(METHODS.map(({ service, name }) => `${service}/${name}`))
    const user = { name: 'userId', type: 'number' }
    const channel = { name: 'channelId', type: 'string' }
    const session = { name: 'sessionId', type: 'string' }
    const message = { name: 'message', type: 'object' }
    const original: [string, [string, object[], string][]][] = [
      [
        'auth',
        [
          ['set', [user, session], 'Set Auth'],
          ['check', [session], 'Check Auth'],
          ['remove', [user], 'Delete Auth'],
        ],
      ],
      [
        'user',
        [
          ['remove', [user], 'Remove user'],
          ['publish', [user, message], 'Publish a message to userid'],
          ['listAll', [], 'List all users'],
        ],
      ],
      [
        'channel',
        [
          ['subscribe', [user, channel], 'Subscribe channel'],
          ['unsubscribe', [user, channel], 'Unsubscribe channel'],
          ['unsubscribeAll', [user], 'Unsubscribe from all channels'],
          ['getSubscriptions', [user], 'Get subscriptions of user'],
          ['getSubscribers', [channel], 'Get subscribers of a channel'],
          ['publish', [channel, message], 'Publish a message to channel'],
          ['listAll', [], 'List all channels'],
        ],
      ],
    ]
    expect(Object.keys(api).slice(0, 3)).toEqual(original.map(([service]) => service))
    for (const [service, methods] of original) {
      expect(Object.entries(api[service] ?? {}).slice(0, methods.length)).toEqual(
        methods.map(([name, params, description]) => [name, { params, description }]),
      )
    }
  })

  it('OpenAPI has every way of calling every method, and no other', async () => {
    const document = await openApi(await startManaged())
    const expected = METHODS.flatMap(({ service, name, definition: { params } }) => {
      const least = params.filter(({ optional }) => !optional).length
      const gets = Array.from({ length: params.length - least + 1 }, (_, more) =>
        [
          'get',
          service,
          name,
          ...params.slice(0, least + more).map((param) => `{${param.name}}`),
        ].join('/'),
      )
      return [`post/${service}/${name}`, ...gets]
    })
    const found = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((verb) => `${verb}${path}`),
    )
    expect(found.toSorted()).toEqual(expected.toSorted())
  })

  it('docs/management.md has every method, its arguments and its errors', () => {
    const page = readFileSync('docs/management.md', 'utf8')
    const sections = new Map(
      page.split(/^### /m).map((section) => [section.slice(0, section.indexOf('\n')), section]),
    )
    for (const { service, name, definition } of METHODS) {
      const section = sections.get(`${service}/${name}`) ?? ''
      expect(section, name).toContain(definition.description)
      for (const param of definition.params) expect(section).toContain(`| \`${param.name}\` |`)
      for (const code of definition.errors) expect(section).toContain(`\`${code}\``)
    }
    const known = METHODS.map(({ service, name }) => `${service}/${name}`)
    const extra = [...sections.keys()].filter((name) => /^\w+\/\w+$/.test(name))
    expect(extra).toEqual(known)
  })

  it('nothing answers to a name that no definition has', async () => {
    const { admin } = await startManaged()
    for (const path of ['/auth/reset', '/auth/constructor', '/toString/call', '/__proto__/set']) {
      expect((await request(admin, 'GET', path)).status, path).toBe(404)
      expect((await request(admin, 'POST', path)).status, path).toBe(404)
    }
  })
})
