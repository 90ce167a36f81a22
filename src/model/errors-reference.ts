import { type ErrorKind, ERRORS } from './errors.ts'

/** docs/errors.md: every code with its status and words, from the table itself. */
export function errorsReference(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, message, help = '' }]: [string, ErrorKind]) =>
      `| \`${code}\` | ${status} | ${message} | ${help} |`,
  )
  return `# Errors

<!-- Written by \`npm run docs\` from src/model/errors.ts; changes here are lost. -->

Over HTTP an error is one line of text, \`STATUS CODE: WORDS\`, or, where \`Accept\` has JSON,
\`{"error":{"code":"…","message":"…"}}\`. On a WebSocket it is a frame with the same \`error\`, and the \`ref\` of the
frame that caused it. The management port adds what to do as \`help\`. The words may say more than this table.

| code | HTTP status | words | what to do |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}
