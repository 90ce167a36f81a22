import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { configReference } from '../src/config/reference.ts'
import { errorsReference } from '../src/model/errors-reference.ts'
import { reloadsOf } from '../src/server/reloads.ts'
import { configSchema } from '../src/server/schema.ts'
import { managementReference } from '../src/services/reference.ts'

it.each([
  ['docs/configuration.md', () => configReference(configSchema(), reloadsOf(configSchema()))],
  ['docs/errors.md', errorsReference],
  ['docs/management.md', managementReference],
])('%s is what the code says (npm run docs writes it)', (file, make) => {
  expect(readFileSync(file, 'utf8')).toBe(make())
})
