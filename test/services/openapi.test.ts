import { Compile } from 'typebox/schema'
import { describe, expect, it } from 'vitest'
import { openApi } from '../../src/services/openapi.ts'
import { type Document, type Operation, schemaAt } from './openapi.ts'

const document = JSON.parse(openApi()) as Document

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([verb, operation]) => ({ path, verb, operation })),
)

/** What JSON Schema 2020-12 has of what is used here. */
const KEYWORDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  type: (value) =>
    ['string', 'integer', 'number', 'boolean', 'array', 'object', 'null'].includes(String(value)),
  description: (value) => typeof value === 'string',
  enum: Array.isArray,
  required: Array.isArray,
  minLength: Number.isInteger,
  maxLength: Number.isInteger,
  minimum: Number.isFinite,
  items: isSchema,
  not: isSchema,
  additionalProperties: isSchema,
  properties: (value) => Object.values(value as object).every(isSchema),
  anyOf: (value) => Array.isArray(value) && value.length > 0 && value.every(isSchema),
  $ref: (value) => schemaAt(document, { $ref: value }) !== undefined,
}

function isSchema(schema: unknown): boolean {
  if (typeof schema === 'boolean') return true
  return (
    typeof schema === 'object' &&
    schema !== null &&
    Object.entries(schema).every(([keyword, value]) => KEYWORDS[keyword]?.(value) === true)
  )
}

/** Every schema of an operation. */
function schemasOf({ parameters = [], requestBody, responses }: Operation): object[] {
  const contents = [
    requestBody?.content,
    ...parameters.map(({ content }) => content),
    ...Object.values(responses).map(({ content }) => content),
  ]
  return [
    ...parameters.flatMap(({ schema }) => schema ?? []),
    ...contents.flatMap((content) =>
      Object.values(content ?? {}).flatMap(({ schema }) => schema ?? []),
    ),
  ]
}

describe('the OpenAPI document', () => {
  it('is 3.1, with a title and a version', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d$/)
    expect(document.info.title).toBeTruthy()
    expect(document.info.version).toMatch(/^\d+\.\d+\.\d+/)
  })

  it('has an id of its own for each operation, and a tag that is there', () => {
    const ids = operations.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    const tags = document.tags.map(({ name }) => name)
    for (const { operation } of operations) {
      expect(operation.operationId).toMatch(/^\w+$/)
      expect(operation.tags).toHaveLength(1)
      expect(tags).toContain(operation.tags[0])
      expect(operation.summary).toBeTruthy()
    }
  })

  it('declares every parameter of a path once, as required', () => {
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(?<name>\w+)\}/g)].map(({ groups }) => groups?.['name'])
      const declared = (operation.parameters ?? []).map((parameter) => {
        expect(parameter).toMatchObject({ in: 'path', required: true })
        // Either, never both.
        expect(Object.hasOwn(parameter, 'schema')).toBe(!Object.hasOwn(parameter, 'content'))
        return parameter.name
      })
      expect(declared, path).toEqual(inPath)
    }
  })

  it('has no two paths that differ by the names of parameters alone', () => {
    const bare = Object.keys(document.paths).map((path) => path.replace(/\{\w+\}/g, '{}'))
    expect(new Set(bare).size).toBe(bare.length)
  })

  it('has a description for every answer, by status', () => {
    for (const { path, operation } of operations) {
      expect(Object.keys(operation.responses), path).toContain('200')
      for (const [status, { description }] of Object.entries(operation.responses)) {
        expect(status, path).toMatch(/^[1-5]\d\d$/)
        expect(description, path).toBeTruthy()
      }
    }
  })

  it('has schemas that are schemas, all references resolved', () => {
    for (const { path, operation } of operations) {
      for (const schema of schemasOf(operation)) {
        expect(isSchema(schema), `${path} ${JSON.stringify(schema)}`).toBe(true)
      }
    }
    for (const schema of Object.values(document.components.schemas)) {
      expect(isSchema(schema)).toBe(true)
    }
  })

  it('has examples that are what they are examples of', () => {
    for (const { path, operation } of operations) {
      for (const { schema, example } of Object.values(operation.requestBody?.content ?? {})) {
        expect(Compile(schema).Check(example), path).toBe(true)
      }
    }
  })

  it('names security schemes that are there', () => {
    for (const name of document.security.flatMap((one) => Object.keys(one))) {
      expect(document.components.securitySchemes).toHaveProperty(name)
    }
  })
})
