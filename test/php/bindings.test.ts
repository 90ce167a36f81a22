/** The PHP classes, under a real PHP, against a live server. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { SERVICES } from '../../src/services/definitions/index.ts'
import { openApi } from '../../src/services/openapi.ts'
import { phpFiles } from '../../src/services/php.ts'
import { run, Running } from '../cli/cli-program.ts'
import { fakeServer } from '../client/fake-server.ts'
import { startManaged, Told } from '../protocols/management/support.ts'
import { EVERY_METHOD } from '../sdk/every-method.ts'

const missing = process.env['FANFARE_TEST_MISSING']?.split(',').includes('PHP') ?? false
const GENERATOR = 'bindings/php/generateApi.php'

describe.skipIf(missing)('the PHP classes', () => {
  it('are the same by `fanfare generate php`, with a server and without, and by generateApi.php', async () => {
    const { admin } = await startManaged()
    const [own, live, theirs] = [folder(), folder(), folder()]
    expect(await run(['generate', 'php', '--out', own])).toMatchObject({ code: 0, stderr: '' })
    const server = ['--host', '127.0.0.1', '--port', String(admin)]
    expect(await run(['generate', 'php', '--out', live, ...server])).toMatchObject({ code: 0 })
    await php([GENERATOR, '-h', '127.0.0.1', '-p', String(admin), '-o', theirs])

    const files = contents(own)
    expect(Object.keys(files)).toEqual([
      'NodeRPC_Service_Abstract.php',
      'NodeRPC_Service_Auth.php',
      'NodeRPC_Service_Channel.php',
      'NodeRPC_Service_Exception.php',
      'NodeRPC_Service_Manager.php',
      'NodeRPC_Service_User.php',
      'NodeRPC_Service_Worker.php',
      'autoload.php',
    ])
    expect(contents(live)).toEqual(files)
    expect(contents(theirs)).toEqual(files)
  })

  it('are written beside generateApi.php without -o', async () => {
    const { admin } = await startManaged()
    const [own, beside] = [folder(), folder()]
    for (const name of readdirSync('bindings/php')) {
      if (name.endsWith('.php')) {
        writeFileSync(join(beside, name), readFileSync(join('bindings/php', name)))
      }
    }
    await php([join(beside, 'generateApi.php'), '-h', '127.0.0.1', '-p', String(admin)])
    await run(['generate', 'php', '--out', own])
    expect(contents(beside)).toMatchObject(contents(own))
  })

  it('call every method of every service', async () => {
    const { admin, server } = await startManaged()
    await server.users.connect('5', new Told('c1'))
    const wanted = Object.entries(SERVICES).flatMap(([service, { methods }]) =>
      Object.keys(methods).map((method) => `${service}/${method}`),
    )
    const calls = EVERY_METHOD.map(({ call }) => call)
    expect([...new Set(calls.map(([service, method]) => `${service}/${method}`))].sort()).toEqual(
      wanted.toSorted(),
    )

    const classes = folder()
    await php([GENERATOR, '-h', '127.0.0.1', '-p', String(admin), '-o', classes])
    const lines = await php(['test/php/call.php', classes, String(admin), JSON.stringify(calls)])

    const got = lines.map((line) => JSON.parse(line) as { result?: unknown; error?: string })
    expect(got).toEqual(
      EVERY_METHOD.map(({ result, error }) =>
        error === undefined
          ? { result: result === undefined ? null : result }
          : expect.objectContaining({ error, message: expect.stringMatching(/\w/) }),
      ),
    )
  })

  it('carry the server’s words in their exceptions', async () => {
    const { admin } = await startManaged()
    const calls = [
      ['auth', 'check', ['nobody’s']],
      ['user', 'publish', [77, { a: 1 }]],
      ['auth', 'add', [1, 'session', -1]],
    ]
    const classes = ownClasses()
    const lines = await php(['test/php/call.php', classes, String(admin), JSON.stringify(calls)])
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { error: 'not_authorized', status: 401 },
      { error: 'not_connected', status: 404, message: 'User not connected' },
      { error: 'bad_argument', status: 400, message: expect.stringContaining('seconds') },
    ])
  })

  it('run the example of socket-push’s README, under either name', async () => {
    const { admin, get } = await startManaged()
    const lines = await snippet(`
      $authService = new NodeRPC_Auth_Service('127.0.0.1', ${admin});
      $authService->set(1, 'test');
      $same = new NodeRPC_Service_Auth('127.0.0.1', ${admin});
      echo $same instanceof NodeRPC_Auth_Service ? 'same' : 'other', "\\n";
      echo json_encode($same->check('test')), "\\n";
      $authService->set('müller', 'another');
      echo json_encode($same->check('another')), "\\n";`)
    expect(lines).toEqual(['same', '1', JSON.stringify('müller').replace('ü', '\\u00fc')])
    expect((await get('/auth/check/test')).body.toString()).toBe('1')
  })

  it('find each other without autoload.php', async () => {
    const { admin } = await startManaged()
    const classes = ownClasses()
    const lines = await php([
      '-r',
      `require '${classes}/NodeRPC_Service_Auth.php';
       (new NodeRPC_Auth_Service('127.0.0.1', ${admin}))->set(1, 'test');
       echo 'done', "\\n";`,
    ])
    expect(lines).toEqual(['done'])
  })

  it('send a key, and nothing works without it', async () => {
    const key = 'a-key-of-enough-characters'
    const { admin } = await startManaged(`key: ${key}`)
    const lines = await snippet(`
      (new NodeRPC_Auth_Service('127.0.0.1', ${admin}, '${key}'))->set(1, 'test');
      echo "set\\n";
      try {
        (new NodeRPC_Auth_Service('127.0.0.1', ${admin}))->set(1, 'test');
      } catch (NodeRPC_Service_Exception $error) {
        echo $error->getCode(), "\\n";
      }`)
    expect(lines).toEqual(['set', '401'])
    const classes = folder()
    await php([GENERATOR, '-h', '127.0.0.1', '-p', String(admin), '-k', key, '-o', classes])
    expect(contents(classes)).toEqual(contents(ownClasses()))
  })

  it('throw for what PHP can see by itself, before anything is sent', async () => {
    const lines = await snippet(`
      $service = new NodeRPC_Channel_Service('127.0.0.1', 1);
      try { $service->subscribe([1], 'news'); } catch (TypeError $error) { echo "type\\n"; }
      try { $service->publish('news', "\\xff"); }
      catch (NodeRPC_Service_Exception $error) { echo $error->getErrorCode(), "\\n"; }
      try { $service->listAll(); }
      catch (NodeRPC_Service_Exception $error) {
        echo $error->getErrorCode(), ' ', $error->getCode(), ' ', $error->getMessage(), "\\n";
      }`)
    expect(lines).toEqual([
      'type',
      'bad_argument',
      expect.stringMatching(/^unreachable 0 no answer from http:\/\/127\.0\.0\.1:1\/: .*refused/i),
    ])
  })

  it('say so where something else answers, or nothing', async () => {
    const page = await fakeServer((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>'),
    )
    const gone = await fakeServer((socket) => socket.end())
    const away = await fakeServer((socket) =>
      socket.end(`HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n`),
    )
    const silent = await fakeServer(() => {})
    const lines = await snippet(
      [page, gone, away, silent]
        .map(
          (port) => `
      try { (new NodeRPC_User_Service('127.0.0.1', ${port}, null, 0.2))->listAll(); }
      catch (NodeRPC_Service_Exception $error) {
        echo $error->getErrorCode(), ': ', $error->getMessage(), "\\n";
      }`,
        )
        .join(''),
    )
    expect(lines).toEqual([
      'bad_answer: user/listAll was answered with something that is no JSON',
      expect.stringMatching(/^unreachable: /),
      'bad_answer: user/listAll was answered with 302: nothing',
      expect.stringMatching(/^unreachable: /),
    ])
  })
})

describe.skipIf(missing)('generateApi.php and `fanfare generate php`', () => {
  it('say what is wrong, and write nothing', async () => {
    const { admin } = await startManaged('key: a-key-of-enough-characters')
    const page = await fakeServer((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>'),
    )
    const out = join(folder(), 'out')
    for (const [port, words] of [
      ['1', /no answer from http:\/\/127\.0\.0\.1:1/],
      [String(admin), /answered .*401/],
      [String(page), /JSON|Syntax error/],
    ] as const) {
      const ours = await run([
        'generate',
        'php',
        '--out',
        out,
        '--host',
        '127.0.0.1',
        '--port',
        port,
      ])
      expect(ours).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(words) })
      const theirs = new Running('php', [GENERATOR, '-h', '127.0.0.1', '-p', port, '-o', out])
      expect(await theirs.ended()).toBe(1)
      expect(theirs.stderr).toMatch(words)
    }
    expect(existsSync(out)).toBe(false)
  })

  it('say how they are used', async () => {
    const theirs = new Running('php', [GENERATOR, '-p', '1'])
    expect(await theirs.ended()).toBe(1)
    expect(theirs.stderr).toContain('usage: php generateApi.php -h HOST')
    const ours = await run(['generate', 'php', '--port', '1'])
    expect(ours).toMatchObject({ code: 1, stderr: expect.stringContaining('go with --host') })
  })
})

describe('the generator', () => {
  it.each([
    ['a service', { tags: [{ name: 'a(){}' }], paths: { '/a(){}/b': post('a(){}') } }],
    ['a method', { tags: [{ name: 'a' }], paths: { '/a/b;c': post('a') } }],
    ['a parameter', { tags: [{ name: 'a' }], paths: { '/a/b': post('a', 'x = 1') } }],
    ['$this', { tags: [{ name: 'a' }], paths: { '/a/b': post('a', 'this') } }],
  ])('writes no code that a server gives as the name of %s', (_, document) => {
    expect(() => phpFiles(JSON.stringify(document))).toThrow('cannot be a name in PHP')
  })

  it('keeps words in their comments', () => {
    const document = {
      tags: [{ name: 'a', description: '*/ system(1); /*' }],
      paths: { '/a/b': post('a') },
    }
    const [code = ''] = phpFiles(JSON.stringify(document)).values()
    expect(code).toContain(' * * / system(1); /*\n')
  })

  it('says so where it is given something else', () => {
    expect(() => phpFiles('{}')).toThrow('describes no services')
    expect(phpFiles(openApi()).size).toBe(Object.keys(SERVICES).length)
  })
})

function post(service: string, param = 'x'): object {
  const schema = { type: 'object', properties: { [param]: { type: 'string' } } }
  return {
    post: { tags: [service], requestBody: { content: { 'application/json': { schema } } } },
  }
}

/** Runs PHP with every notice a failure. @returns the lines that it printed */
async function php(args: readonly string[]): Promise<string[]> {
  const flags = ['-d', 'display_errors=stderr', '-d', 'auto_prepend_file=test/php/prelude.php']
  const running = new Running('php', [...flags, ...args], { stdin: '' })
  const code = await running.ended()
  expect({ code, stderr: running.stderr }).toEqual({ code: 0, stderr: '' })
  return running.lines
}

/** Runs a few lines with the classes at hand. */
function snippet(code: string): Promise<string[]> {
  return php(['-r', `require '${ownClasses()}/autoload.php';\n${code}`])
}

/** The classes of this version. */
function ownClasses(): string {
  const classes = folder()
  for (const [name, content] of phpFiles(openApi())) writeFileSync(join(classes, name), content)
  for (const name of ['Service_Abstract', 'Service_Exception']) {
    const file = `NodeRPC_${name}.php`
    writeFileSync(join(classes, file), readFileSync(join('bindings/php', file)))
  }
  writeFileSync(join(classes, 'autoload.php'), readFileSync('bindings/php/autoload.php'))
  return classes
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'fanfare-php-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

function contents(path: string): Record<string, string> {
  const names = readdirSync(path).sort()
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(path, name), 'utf8')]))
}
