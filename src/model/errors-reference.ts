import { ERRORS } from './errors.ts'

/** docs/errors.md: every code with its status and words, from the table itself. */
export function errorsReference(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, message }]) => `| \`${code}\` | ${status} | ${message} |`,
  )
  return `# Errors

<!-- Written by \`npm run docs\` from src/model/errors.ts; changes here are lost. -->

Over HTTP an error is one line of text, \`STATUS CODE: WORDS\`, or, where \`Accept\` has JSON,
\`{"error":{"code":"…","message":"…"}}\`. On a WebSocket it is a frame with the same \`error\`, and the \`ref\` of the
frame that caused it. The words may say more than this table.

| code | HTTP status | words |
| --- | --- | --- |
${rows.join('\n')}
`
}
