// Joins the compiled program and the packages it needs into a few files beside dist/src/cli/main.js, in place
// of that. To find and read its 700 modules took Node longer than everything else that a start does.
import { build } from 'esbuild'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib.mjs'

const folder = join(root, 'dist', 'src', 'cli')
/** Names that no module of ours has. */
const CHUNK = /^part-[A-Z0-9]{8}\.js$/

for (const name of readdirSync(folder)) if (CHUNK.test(name)) rmSync(join(folder, name))

await build({
  entryPoints: [join(folder, 'main.js')],
  outdir: folder,
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  // In the same folder: from there the program finds its package and the pages.
  chunkNames: 'part-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20.10',
  // ZeroMQ is compiled for each machine, Socket.IO has files beside its code, and what is only imported when it is
  // needed has no names any more once it is joined in from CommonJS; nobody needs the others.
  external: ['zeromq', 'socket.io', '@redis/client', 'bufferutil', 'utf-8-validate'],
  // What packages of CommonJS ask Node for.
  banner: {
    js: "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url);",
  },
  logLevel: 'warning',
})
