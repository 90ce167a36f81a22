import { describe, expect, it } from 'vitest'
import { formatProblems } from '../../src/config/index.ts'
import { load, problemsOf, withFeed } from './fixture.ts'

const plain = { color: false }

describe('formatProblems', () => {
  it('shows place, path, message and the piece that is meant', () => {
    const text = [
      'port: 8080',
      '',
      'locations:',
      '  - type: publisher',
      '    prefix: /pub/',
      '  - type: subscriber',
      '    pollling: interval',
      '    prefix: /sub/',
    ].join('\n')
    expect(formatProblems(problemsOf(text), plain)).toBe(
      [
        'fanfare.yaml:7:5: locations[1].pollling: unknown key; did you mean `polling`?',
        '    7 |     pollling: interval',
        '      |     ^^^^^^^^',
      ].join('\n'),
    )
  })

  it('shows every problem, from top to bottom', () => {
    const shown = formatProblems(problemsOf('prot: 1\nlimits: { hartbeat: 1 }\nport: x\n'), plain)
    expect(shown.match(/^fanfare.yaml:\d+:\d+/gm)).toEqual([
      'fanfare.yaml:1:1',
      'fanfare.yaml:2:11',
      'fanfare.yaml:3:7',
    ])
  })

  it('calls a warning a warning', () => {
    const { warnings } = load('locations: [{ type: publisher, prefix: pub/ }]')
    expect(formatProblems(warnings, plain)).toMatch(
      /^fanfare.yaml:1:40: warning: locations\[0\].prefix: no request can reach/,
    )
  })

  it('has colours where they are wanted', () => {
    const problems = problemsOf('prot: 1')
    expect(formatProblems(problems, { color: true })).toContain('\u001b[31m^^^^')
    expect(formatProblems(problems, plain)).not.toContain('\u001b')
  })

  it('underlines the first line of a value that has several', () => {
    const shown = formatProblems(problemsOf('port: [1,\n  2]\n'), plain)
    expect(shown.split('\n').slice(1)).toEqual(['    1 | port: [1,', '      |       ^^^'])
  })

  it('shows a long line around the place', () => {
    const text = `limits: { heartbeat: 1, ${' '.repeat(300)}hartbeat: 1, ${' '.repeat(300)} }`
    const [, line = '', marks = ''] = formatProblems(problemsOf(text), plain).split('\n')
    expect(line.length).toBeLessThan(150)
    expect(line.slice(marks.indexOf('^'), marks.lastIndexOf('^') + 1)).toBe('hartbeat')
  })

  it('lets no control character through', () => {
    const shown = formatProblems(problemsOf('"\\e[31mkey": 1\nport: "\u0085\\u009bx"\n'), {
      color: false,
    })
    // oxlint-disable-next-line no-control-regex -- which is what it looks for
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
  })

  it('keeps columns in place after a tab', () => {
    const shown = formatProblems(problemsOf('limits: {\thartbeat: 1 }'), plain).split('\n')
    expect(shown.slice(1)).toEqual([
      '    1 | limits: { hartbeat: 1 }',
      '      |           ^^^^^^^^',
    ])
  })

  it('shows no secret', () => {
    const problems = problemsOf('feed: { secret: hunter2 }', { schema: withFeed })
    expect(problems).toHaveLength(1)
    expect(formatProblems(problems, plain)).not.toContain('hunter2')
  })

  it('counts what is more than anybody reads', () => {
    const text = Array.from({ length: 150 }, (_, i) => `key${i}: 1`).join('\n')
    const shown = formatProblems(problemsOf(text), plain)
    expect(shown.split('\n').at(-1)).toBe('… and 50 more')
  })
})
