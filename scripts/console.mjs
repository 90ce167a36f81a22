// Builds the pages, the console's and the demo's, from console/ into dist/console: for each an HTML
// file and its one JS and one CSS, with a hash in their names. Run by itself, it does so when needed.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'dist', 'console')
const stamp = join(folder, 'console.html')
/** The console's files have a hash in their names, and are kept by browsers for good. */
const PAGES = [
  { name: 'demo', title: 'Fanfare', entry: 'console/demo/main.ts', names: '[name]', at: '/' },
  {
    name: 'console',
    title: 'Fanfare console',
    entry: 'console/main.tsx',
    names: '[name]-[hash]',
    at: '/assets/',
  },
]
const SOURCES = [
  'console',
  'src/services',
  'src/protocols/management/console/data.ts',
  'package-lock.json',
]

const BUILT = /^[a-z]+(?:-[0-9A-Z]{8})?\.(?:js|css|html)$/

/** Builds the pages unless nothing has changed since. */
export async function ensureConsole() {
  const built = existsSync(stamp) ? statSync(stamp).mtimeMs : 0
  if (SOURCES.every((path) => newest(join(root, path)) < built)) return
  await buildConsole()
}

async function buildConsole() {
  const { build } = await import('esbuild')
  const files = new Set()
  // The console's page comes last: it says that all is there.
  for (const page of PAGES) {
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: [{ in: page.entry, out: page.name }],
      outdir: folder,
      entryNames: page.names,
      bundle: true,
      minify: true,
      format: 'esm',
      target: ['es2022', 'chrome110', 'firefox115', 'safari16'],
      tsconfig: join(root, 'console', 'tsconfig.json'),
      legalComments: 'none',
      metafile: true,
      logLevel: 'warning',
    })
    const names = Object.keys(metafile.outputs).map((path) => basename(path))
    const html = `${page.name}.html`
    for (const file of [...names, html]) files.add(file)
    const draft = join(folder, `${html}.${process.pid}`)
    writeFileSync(draft, htmlOf(page, names))
    renameSync(draft, join(folder, html))
  }
  for (const file of readdirSync(folder)) {
    // Not what another build is writing at this moment.
    if (BUILT.test(file) && !files.has(file)) rmSync(join(folder, file), { force: true })
  }
}

const ICON = encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#0b7a6f" d="M1 6h3l8-4v12L4 10H1zM13.5 5.5v5l1.5 1v-7z"/></svg>',
)

function htmlOf({ title, at }, names) {
  const [script, style] = ['.js', '.css'].map((end) => names.find((name) => name.endsWith(end)))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:image/svg+xml,${ICON}">
<link rel="stylesheet" href="${at}${style}">
<script type="module" src="${at}${script}"></script>
</head>
<body><div id="page"></div><noscript>This page needs JavaScript.</noscript></body>
</html>
`
}

function newest(path) {
  if (!existsSync(path)) return 0
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  mkdirSync(folder, { recursive: true })
  await ensureConsole()
}
