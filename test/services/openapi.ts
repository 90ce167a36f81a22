/** What tests read of an OpenAPI document. */
export interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required: boolean
    readonly schema?: object
    readonly content?: Readonly<Record<string, { readonly schema: object }>>
  }[]
  readonly requestBody?: {
    readonly content: Readonly<
      Record<string, { readonly schema: object; readonly example: object }>
    >
  }
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly description: string
        readonly content?: Readonly<Record<string, { readonly schema?: object }>>
      }
    >
  >
}

export interface Document {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string }
  readonly tags: readonly { readonly name: string }[]
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>
    readonly securitySchemes: Readonly<Record<string, object>>
  }
}

/** A schema, or what it refers to. */
export function schemaAt(document: Document, schema: object | undefined): object {
  if (!schema) throw new Error('there is no schema')
  if (!('$ref' in schema)) return schema
  const name = /^#\/components\/schemas\/(?<name>\w+)$/.exec(String(schema.$ref))?.groups?.['name']
  const found = document.components.schemas[name ?? '']
  if (!found) throw new Error(`nothing is at ${String(schema.$ref)}`)
  return found
}
