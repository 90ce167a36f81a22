// npm run docs: writes the pages that are made from the code. test/docs.test.ts fails when they are stale.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt, ensureInstalled, root } from './lib.mjs'

ensureInstalled()
ensureBuilt()
const { configReference } = await import('../dist/src/config/reference.js')
const { errorsReference } = await import('../dist/src/model/errors-reference.js')
const { managementReference } = await import('../dist/src/services/reference.js')
const { configSchema } = await import('../dist/src/server/schema.js')
const { reloadsOf } = await import('../dist/src/server/reloads.js')
const schema = configSchema()
writeFileSync(join(root, 'docs/configuration.md'), configReference(schema, reloadsOf(schema)))
writeFileSync(join(root, 'docs/errors.md'), errorsReference())
writeFileSync(join(root, 'docs/management.md'), managementReference())
