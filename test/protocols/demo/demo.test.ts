import { execFileSync } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
import { request } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'

const BROWSER = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/console.mjs'], { stdio: 'inherit' })
})

describe.each(PATHS)('over $path', ({ lean }) => {
  it('is what a browser gets at the bare port, with its own files only', async () => {
    const { port } = await startServer('', { lean })
    const page = await request(port, 'GET', '/', BROWSER)
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(page.headers['content-security-policy']).toContain("script-src 'self'")
    const html = page.body.toString()
    const files = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path)
    expect(files).toEqual(['/demo.css', '/demo.js'])
    for (const file of files) {
      const { status, headers } = await request(port, 'GET', file ?? '')
      expect(status).toBe(200)
      // Its name says nothing of what is in it.
      expect(headers['cache-control']).toBe('no-cache')
    }
  })

  it('leaves everybody else what they had', async () => {
    const { port } = await startServer('', { lean })
    expect((await request(port, 'GET', '/')).body.toString()).toContain('Fanfare, a push server.')
    expect((await request(port, 'POST', '/demo.js')).status).toBe(404)
    const form = { ...BROWSER, 'Content-Type': 'application/x-www-form-urlencoded' }
    expect((await request(port, 'POST', '/', form, 'channel=a&message=b')).status).toBe(200)
  })
})

it('comes after locations', async () => {
  const locations =
    'locations: [{ type: publisher, url: "/p(.+)" }, { type: subscriber, url: "(/)" }]'
  const { port } = await startServer(locations)
  expect((await request(port, 'GET', '/', BROWSER)).status).toBe(400)
})

it('can be switched off', async () => {
  const { port } = await startServer('demo: false')
  const page = await request(port, 'GET', '/', BROWSER)
  expect(page.headers['content-type']).toContain('text/plain')
  expect((await request(port, 'GET', '/demo.js')).status).toBe(404)
})

it('is one of the places that are listed, without its files', async () => {
  const { server, url } = await startServer()
  expect(server.places.filter(({ what }) => what === 'demo')).toMatchObject([{ where: `${url}/` }])
})
