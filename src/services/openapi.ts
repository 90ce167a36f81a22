import { version } from '../config/version.ts'
import { type ErrorCode, type ErrorKind, ERRORS } from '../model/errors.ts'
import type { MethodDefinition, Param, ParamType, Schema } from './definition.ts'
import { SERVICES } from './definitions/index.ts'
import { arity, MAX_TEXT, MAX_USER } from './run/args.ts'
import { METHODS, type Method } from './run/caller.ts'

/** What every call may fail with, by its arguments and by who calls. */
export const COMMON_ERRORS = [
  'bad_request',
  'bad_argument',
  'not_authorized',
  'not_trusted',
  'foreign_origin',
  'too_large',
  'wrong_host',
  'not_here',
  'internal',
] as const satisfies readonly ErrorCode[]

type Json = Record<string, unknown>

const REFUSED = { $ref: '#/components/schemas/Error' }

let text: string | undefined

/** `GET /openapi.json`: OpenAPI 3.1 of all services, by both ways of calling them. */
export function openApi(): string {
  text ??= JSON.stringify(document(), undefined, 1)
  return text
}

function document(): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Fanfare',
      version: version(),
      summary: 'Users, channels and nodes of a push server.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(SERVICES).map(([name, { description }]) => ({ name, description })),
    security: [{}, { key: [] }, { password: [] }],
    paths: Object.fromEntries(METHODS.flatMap(pathsOf)),
    components: {
      schemas: {
        Error: {
          type: 'object',
          required: ['error'],
          properties: {
            error: {
              type: 'object',
              required: ['code', 'message'],
              properties: {
                code: { type: 'string', enum: Object.keys(ERRORS) },
                message: { type: 'string' },
                help: { type: 'string', description: 'What to do about it.' },
              },
            },
          },
        },
      },
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'Where `management.key` is set.' },
        password: { type: 'http', scheme: 'basic', description: 'The key, as the password.' },
      },
    },
  }
}

/** The POST with named arguments, and a GET for each number of them that it may have. */
function pathsOf(method: Method): [string, Json][] {
  const { service, name, definition } = method
  const { least, most } = arity(definition)
  const post = `/${service}/${name}`
  const paths = new Map<string, Json>([[post, { post: postOf(method) }]])
  for (let count = least; count <= most; count++) {
    const params = definition.params.slice(0, count)
    const path = [post, ...params.map((param) => `{${param.name}}`)].join('/')
    paths.set(path, { ...paths.get(path), get: getOf(method, params) })
  }
  return [...paths]
}

function postOf({ service, name, definition }: Method): Json {
  const { params } = definition
  const required = params.filter(({ optional }) => !optional).map((param) => param.name)
  const schema = {
    type: 'object',
    properties: Object.fromEntries(params.map((param) => [param.name, schemaOf(param)])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  }
  const example = Object.fromEntries(params.map((param) => [param.name, param.example]))
  return {
    ...described(service, definition),
    operationId: `${service}_${name}`,
    ...(params.length === 0
      ? {}
      : {
          requestBody: {
            required: required.length > 0,
            content: { 'application/json': { schema, example } },
          },
        }),
    responses: { '200': success(definition, 'application/json'), ...refusals(definition) },
  }
}

function getOf({ service, name, definition }: Method, params: readonly Param[]): Json {
  return {
    ...described(service, definition),
    operationId: [service, name, 'get', ...params.map((param) => param.name)].join('_'),
    parameters: params.map((param) => ({
      name: param.name,
      in: 'path',
      required: true,
      description: param.description,
      ...inPath(param),
    })),
    responses: {
      '200': success(definition, 'text/html'),
      '500': {
        description: 'What went wrong, in words.',
        content: { 'text/html': { schema: { type: 'string' } } },
      },
    },
  }
}

function described(service: string, { description, details }: MethodDefinition): Json {
  return {
    tags: [service],
    summary: description,
    ...(details === undefined ? {} : { description: details }),
  }
}

function success({ result }: MethodDefinition, type: string): Json {
  if (!result) return { description: 'Nothing: an empty body.' }
  return { description: 'The result, as JSON.', content: { [type]: { schema: strict(result) } } }
}

/** A status for each that its errors have, with their codes. */
function refusals({ errors }: MethodDefinition): Json {
  const byStatus = new Map<number, string[]>()
  for (const code of [...COMMON_ERRORS, ...errors]) {
    const { status }: ErrorKind = ERRORS[code]
    const codes = byStatus.get(status)
    const line = `\`${code}\`: ${ERRORS[code].message}`
    if (!codes) byStatus.set(status, [line])
    else if (!codes.includes(line)) codes.push(line)
  }
  return Object.fromEntries(
    [...byStatus]
      .toSorted(([one], [other]) => one - other)
      .map(([status, lines]) => [
        String(status),
        {
          description: lines.join('\n\n'),
          content: { 'application/json': { schema: REFUSED } },
        },
      ]),
  )
}

const SCHEMAS: Readonly<Record<ParamType, Json>> = {
  user: { anyOf: [{ type: 'integer' }, { type: 'string', minLength: 1, maxLength: MAX_USER }] },
  string: { type: 'string', minLength: 1, maxLength: MAX_TEXT },
  number: { type: 'integer', minimum: 0 },
  object: { not: { type: 'null' } },
}

function schemaOf({ type, description }: Param): Json {
  return { description, ...SCHEMAS[type] }
}

/** In a path a user is a number, as it was, and an object is JSON text. */
function inPath({ type, example }: Param): Json {
  switch (type) {
    case 'user':
      return { schema: { type: 'integer' }, example }
    case 'object':
      return { content: { 'application/json': { schema: SCHEMAS.object, example } } }
    case 'string':
    case 'number':
      return { schema: SCHEMAS[type], example }
    default:
      return type satisfies never
  }
}

/** Properties of results are always there. */
function strict(schema: Schema): Json {
  const { properties, items, additionalProperties, anyOf, ...rest } = schema
  return {
    ...rest,
    ...(anyOf ? { anyOf: anyOf.map(strict) } : {}),
    ...(items ? { items: strict(items) } : {}),
    ...(typeof additionalProperties === 'object'
      ? { additionalProperties: strict(additionalProperties) }
      : additionalProperties === undefined
        ? {}
        : { additionalProperties }),
    ...(properties
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, inner]) => [name, strict(inner)]),
          ),
          required: Object.keys(properties),
        }
      : {}),
  }
}
