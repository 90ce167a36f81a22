import type { Param } from '../definition.ts'

/** Parameters that several methods have. */
export const USER = {
  name: 'userId',
  type: 'user',
  description: 'The id of the user.',
  example: 1,
} as const satisfies Param

export const SESSION = {
  name: 'sessionId',
  type: 'string',
  description: 'What the user logs in with: a text that nobody can guess.',
  example: 'test',
} as const satisfies Param

export const CHANNEL = {
  name: 'channelId',
  type: 'string',
  description: 'The name of the channel.',
  example: 'news',
} as const satisfies Param

export const MESSAGE = {
  name: 'message',
  type: 'object',
  description: 'The message: any JSON but null.',
  example: { text: 'hello' },
} as const satisfies Param

export const CONFIG = {
  name: 'config',
  type: 'object',
  description: 'A configuration as it would stand in a file, in JSON.',
  example: { limits: { maxSubscriptions: 2000 } },
} as const satisfies Param
