// The parts of the package that tsc cannot make: the CommonJS modules of the callback form, and the client
// as one file for pages. Runs after tsc; `npm run build` does both.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const { callbackDefinitions } = await import('../dist/src/sdk/callback/definitions.js')

const MODE = "with { 'resolution-mode': 'import' }"

buildSync({
  absWorkingDir: root,
  entryPoints: ['src/sdk/callback/http-proxy.ts'],
  outfile: 'dist/cjs/rpc/proxy/http.cjs',
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // `require` gives the class itself, as it always did.
  footer: { js: 'module.exports = module.exports.default' },
  logLevel: 'warning',
})
write(
  'dist/cjs/rpc/proxy/http.d.cts',
  `import type { HttpProxyConstructor } from '../../../src/sdk/callback/http-proxy.js' ${MODE}
declare const HttpProxy: HttpProxyConstructor
export = HttpProxy
`,
)

for (const [name, definition] of Object.entries(callbackDefinitions())) {
  write(
    `dist/cjs/service/${name}.cjs`,
    `'use strict'\nmodule.exports = ${JSON.stringify(definition, null, 2)}\n`,
  )
  write(
    `dist/cjs/service/${name}.d.cts`,
    `import type { CallbackServices } from '../../src/sdk/callback/definitions.js' ${MODE}
declare const ${name}: CallbackServices['${name}']
export = ${name}
`,
  )
}

buildSync({
  absWorkingDir: root,
  entryPoints: ['src/sdk/index.ts'],
  outfile: 'dist/browser/client.js',
  bundle: true,
  minify: true,
  platform: 'browser',
  target: 'es2022',
  format: 'esm',
  logLevel: 'warning',
})

function write(path, text) {
  const file = join(root, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
