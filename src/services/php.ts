/**
 * PHP classes of services, from their OpenAPI. `bindings/php/generateApi.php` writes the same files, byte for
 * byte: what is changed here is changed there.
 */

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>
}

interface Operation {
  readonly tags?: readonly string[]
  readonly summary?: string
  readonly description?: string
  readonly requestBody?: Content
  readonly responses?: Readonly<Record<string, Content>>
}

interface OpenApi {
  readonly tags?: readonly { readonly name: string; readonly description?: string }[]
  readonly paths?: Readonly<Record<string, { readonly post?: Operation }>>
}

interface Param {
  readonly name: string
  readonly schema: Schema
  readonly optional: boolean
}

/** Names that the base class has, or that PHP keeps for itself. */
const TAKEN = /^(?:proxyCall|this)$/i
const NAME = /^[A-Za-z][A-Za-z0-9]*$/

/**
 * @param openApi the text of `/openapi.json`
 * @returns the files, by name
 * @throws Error when that is none, or has names that cannot be PHP's
 */
export function phpFiles(openApi: string): Map<string, string> {
  const { tags = [], paths = {} } = JSON.parse(openApi) as OpenApi
  const files = new Map<string, string>()
  for (const { name, description = '' } of tags) {
    const methods = Object.entries(paths).flatMap(([path, { post }]) =>
      post?.tags?.[0] === name ? [methodOf(path.split('/').at(-1) ?? '', post)] : [],
    )
    if (methods.length > 0) files.set(`${classOf(name)}.php`, fileOf(name, description, methods))
  }
  if (files.size === 0) throw new Error('the answer describes no services')
  return files
}

function classOf(service: string): string {
  return `NodeRPC_Service_${ucfirst(known(service))}`
}

/** Names come from a server and become code. */
function known(name: string): string {
  if (NAME.test(name) && !TAKEN.test(name)) return name
  throw new Error(`${JSON.stringify(name)} cannot be a name in PHP`)
}

function fileOf(service: string, description: string, methods: readonly string[]): string {
  const name = classOf(service)
  return `<?php

declare(strict_types=1);

require_once __DIR__ . '/NodeRPC_Service_Abstract.php';

/**
 * ${plain(description)}
 *
 * Written by \`fanfare generate php\` or generateApi.php; the next run writes it again.
 */
class ${name} extends NodeRPC_Service_Abstract
{
    protected const SERVICE = '${service}';

${methods.join('\n')}}

// The name that it has in socket-push's own examples.
class_alias(${name}::class, 'NodeRPC_${ucfirst(service)}_Service');
`
}

function methodOf(method: string, operation: Operation): string {
  const { summary = '', description, requestBody, responses } = operation
  const params = paramsOf(requestBody?.content?.['application/json']?.schema)
  const result = responses?.['200']?.content?.['application/json']?.schema
  const lines = [plain(summary)]
  if (description !== undefined) lines.push('', plain(description))
  lines.push('')
  for (const { name, schema, optional } of params) {
    const type = docTypeOf(schema) + (optional ? '|null' : '')
    lines.push(`@param ${type} $${name} ${plain(schema.description ?? '')}`.trimEnd())
  }
  if (result) lines.push(`@return ${docTypeOf(result)}`)
  lines.push('@throws NodeRPC_Service_Exception')
  const doc = lines.map((line) => (line === '' ? '     *' : `     * ${line}`)).join('\n')
  const list = params.map(declarationOf).join(', ')
  const given = params.filter(({ optional }) => !optional).map(argumentOf)
  const optional = params.filter((param) => param.optional).map(argumentOf)
  const args = [`'${known(method)}'`]
  if (given.length + optional.length > 0) args.push(`[${given.join(', ')}]`)
  if (optional.length > 0) args.push(`[${optional.join(', ')}]`)
  return `    /**
${doc}
     */
    public function ${method}(${list}): ${result ? typeOf(result) : 'void'}
    {
        ${result ? 'return ' : ''}$this->proxyCall(${args.join(', ')});
    }
`
}

function paramsOf(schema: Schema = {}): Param[] {
  const { properties = {}, required = [] } = schema
  return Object.entries(properties).map(([name, inner]) => ({
    name: known(name),
    schema: inner,
    optional: !required.includes(name),
  }))
}

function declarationOf({ name, schema, optional }: Param): string {
  const type = typeOf(schema)
  if (!optional) return `${type} $${name}`
  const nullable = type === 'mixed' ? type : type.includes('|') ? `${type}|null` : `?${type}`
  return `${nullable} $${name} = null`
}

function argumentOf({ name }: Param): string {
  return `'${name}' => $${name}`
}

/** What PHP can check by itself. */
function typeOf(schema: Schema): string {
  if (schema.anyOf) return union(schema.anyOf.map(typeOf))
  const { type = '' } = schema
  if (type === 'array' || type === 'object') return 'array'
  return SCALARS[type] ?? 'mixed'
}

/** What can be said of it in a comment. */
function docTypeOf(schema: Schema): string {
  const { type, items, properties, additionalProperties: rest } = schema
  if (schema.anyOf) return union(schema.anyOf.map(docTypeOf))
  if (type === 'array') return `list<${docTypeOf(items ?? {})}>`
  if (type !== 'object') return typeOf(schema)
  if (properties) {
    const fields = Object.entries(properties).map(
      ([name, inner]) => `${known(name)}: ${docTypeOf(inner)}`,
    )
    return `array{${fields.join(', ')}}`
  }
  return `array<string, ${typeof rest === 'object' ? docTypeOf(rest) : 'mixed'}>`
}

function union(types: readonly string[]): string {
  return types.includes('mixed') ? 'mixed' : [...new Set(types)].join('|')
}

const SCALARS: Readonly<Record<string, string>> = {
  string: 'string',
  integer: 'int',
  number: 'float',
  boolean: 'bool',
  null: 'null',
}

/** Words of a server in a comment, which they must not end. */
function plain(text: string): string {
  return text.replaceAll('*/', '* /').replaceAll(/[ \t\r\n]+/g, ' ')
}

function ucfirst(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1)
}
