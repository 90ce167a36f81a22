import { type ErrorKind, ERRORS } from '../model/errors.ts'
import type { MethodDefinition, Param, ParamType, Schema, ServiceDefinition } from './definition.ts'
import { SERVICES } from './definitions/index.ts'
import { COMMON_ERRORS } from './openapi.ts'
import { MAX_TEXT, MAX_USER } from './run/args.ts'

/** docs/management.md: the port, and every method from its definition. */
export function managementReference(): string {
  const services: [string, ServiceDefinition][] = Object.entries(SERVICES)
  return `${PORT}
## Services

${services.map(([name, { methods }]) => overviewOf(name, methods)).join('\n')}

${services.map(([name, service]) => serviceOf(name, service)).join('\n')}`
}

const PORT = `# The management port

<!-- Written by \`npm run docs\` from src/services; changes here are lost. -->

Port 8181 of this machine: the services, as socket-push had them and more, and the console
([console.md](console.md)) at http://127.0.0.1:8181/. \`management: false\` switches it off.

## Calling

Every method can be called in two ways:

    curl http://127.0.0.1:8181/auth/set/1/test
    curl -d '{"userId": 1, "sessionId": "test"}' -H 'Content-Type: application/json' \\
      http://127.0.0.1:8181/auth/set

From programs: [the TypeScript client](client.md), and PHP classes from \`fanfare generate php\`.
\`GET /api\` and \`GET /openapi.json\` (OpenAPI 3.1) describe all methods to programs. \`GET /heartbeat\`
says \`OK\`, and ends only when the server does. One node of [several](cluster.md) lists in \`/api\` what it carries itself.

### POST: for programs of today

\`POST /SERVICE/METHOD\` with a JSON object of named arguments, or a form (then numbers are decimal texts, and
objects are JSON). 200 is \`application/json\`: the result, or an empty body where there is none. What can be left
out may also be null. An error has the status of its code ([errors.md](errors.md)):

    HTTP/1.1 404 Not Found
    Content-Type: application/json

    {"error":{"code":"not_connected","message":"User not connected","help":"Publish once …"}}

A call that is answered with 200 has been done, and what it published is stored.

| type | in JSON | in a form |
| --- | --- | --- |
| user | a whole number, or a text of 1 to ${MAX_USER} characters; \`1\` and \`"1"\` are one user | likewise |
| string | a text of 1 to ${MAX_TEXT} characters | likewise |
| number | a whole number, 0 or more, or its digits as a text | digits |
| object | any JSON but null; it is passed on exactly as it is spelled | JSON text |

Every call may be refused with ${COMMON_ERRORS.map(codeOf).join(', ')}.

### GET: as socket-push

\`GET /service/method/arg/…\`: arguments in order, each a percent-encoded segment. Names in any case; one \`/\` may
stand at the end; a query is ignored. All answers are \`text/html\`, as they were.

| | |
| --- | --- |
| done | 200, the result as JSON, or an empty body |
| failed | 500, the bare words, such as \`User not connected\` |
| an object that is not JSON | 500, \`text/plain\`, \`SyntaxError: …\` |
| another path, or another number of arguments | 404, \`text/plain\`, \`Cannot GET /path\` |
| \`HEAD\` | as GET, without the body: it does the same |
| \`OPTIONS\` | 200, \`Allow\`, and the same as body |

A user and a number are read as far as they are digits: \`12abc\` is 12; otherwise it is 500 \`Expected numeric
literal\`. Users whose ids are texts need POST. Optional arguments may be left off from the end.

What differs from socket-push: a user that was removed, and a channel that was asked about, are not listed
afterwards as if they were there; and a user can be published to for \`users.removeUserAfterDisconnectTimeOut\`
after its last connection has gone, when it was an error at once.

## Who may call

GETs change things here, and a browser sends GETs for any page that asks. So:

- The \`Host\` is an address, localhost, or one of \`management.hosts\`; otherwise 421: any other name could have been
  pointed at this machine by anybody (DNS rebinding).
- Requests of other pages are refused with 403, by \`Origin\`, \`Referer\` and \`Sec-Fetch-Site\`. A link to the
  console's page from elsewhere works.
- Without \`management.key\`, only trusted peers may call (\`trustedPeers\`); what a proxy has forwarded counts as the
  client's that it speaks for, and only if \`trustedProxies\` names the proxy.
- With \`management.key\`, every call shows it, wherever it comes from: \`Authorization: Bearer KEY\`, or as the password
  of \`http://:KEY@HOST:8181/…\`. 401 otherwise.
- Beyond this machine (\`management.address\`) it listens only with a key. It speaks plain HTTP: put a proxy
  with TLS in front of it where others can listen in.

    management:
      address: 0.0.0.0
      key: 16 characters or more, that nobody can guess
      hosts: [push.example]

Limits are those of the main port (\`limits\`); \`management.maxConnections\` bounds its connections.
`

function overviewOf(service: string, methods: Readonly<Record<string, MethodDefinition>>): string {
  return `- [${service}](#${service}): ${Object.keys(methods).join(', ')}`
}

function serviceOf(name: string, { description, methods }: ServiceDefinition): string {
  const all = Object.entries(methods).map(([method, definition]) =>
    methodOf(`${name}/${method}`, definition),
  )
  return `## ${name}\n\n${description}\n${all.join('')}`
}

function methodOf(path: string, method: MethodDefinition): string {
  const { description, details, params, result, errors } = method
  const parts = [`\n### ${path}`, sentence(description) + (details ? ` ${sentence(details)}` : '')]
  if (params.length > 0) {
    parts.push(['| argument | type | |', '| --- | --- | --- |', ...params.map(rowOf)].join('\n'))
  }
  parts.push(`    GET ${getOf(path, params)}`)
  parts.push(result ? `Result: ${resultOf(result)}${shapeOf(result, 0)}` : 'Result: nothing.')
  if (errors.length > 0) parts.push(`Errors: ${errors.map(codeOf).join(', ')}.`)
  return `${parts.join('\n\n')}\n`
}

function rowOf({ name, type, optional, description }: Param): string {
  return `| \`${name}\` | ${type}${optional ? ', optional' : ''} | ${description} |`
}

/** The path of a GET, with examples as arguments; in brackets what may be left off. */
function getOf(path: string, params: readonly Param[]): string {
  const all = params.map((param) =>
    param.optional ? `[/${segmentOf(param)}` : `/${segmentOf(param)}`,
  )
  return `/${path}${all.join('')}${']'.repeat(params.filter(({ optional }) => optional).length)}`
}

const SPELLING: Readonly<Record<ParamType, (example: unknown) => string>> = {
  user: String,
  string: String,
  number: String,
  object: JSON.stringify,
}

function segmentOf({ type, example }: Param): string {
  return encodeURIComponent(SPELLING[type](example))
}

function resultOf(schema: Schema): string {
  const { type, anyOf, items, description } = schema
  const what = anyOf
    ? anyOf.map(typeOf).join(' or ')
    : type === 'array' && items
      ? `array of ${typeOf(items)}`
      : typeOf(schema)
  const about = description ?? items?.description
  return about === undefined ? `${what}.` : `${what}. ${sentence(about)}`
}

function typeOf({ type }: Schema): string {
  return type ?? 'any JSON'
}

/** What an object holds, as a list. */
function shapeOf(schema: Schema, depth: number): string {
  const { items, properties, additionalProperties } = schema
  if (items) return shapeOf(items, depth)
  if (typeof additionalProperties === 'object') {
    const inner = `\n${'  '.repeat(depth)}- by name: ${resultOf(additionalProperties)}`
    return (depth === 0 ? '\n' : '') + inner + shapeOf(additionalProperties, depth + 1)
  }
  const lines = Object.entries(properties ?? {}).map(
    ([name, inner]) =>
      `\n${'  '.repeat(depth)}- \`${name}\`: ${resultOf(inner)}${shapeOf(inner, depth + 1)}`,
  )
  return (depth === 0 && lines.length > 0 ? '\n' : '') + lines.join('')
}

function codeOf(code: keyof typeof ERRORS): string {
  const { status }: ErrorKind = ERRORS[code]
  return `\`${code}\` (${status})`
}

function sentence(text: string): string {
  return /[.!?`]$/.test(text) && !text.endsWith('`') ? text : `${text}.`
}
