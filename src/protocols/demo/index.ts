/**
 * A client's page at `/` of the main port, for people with a browser: log in as a user, see what arrives.
 * It speaks Socket.IO, as socket-push's did.
 */
import { Type } from 'typebox'
import { doorOf } from '../../config/types.ts'
import { sendAsset, sendPage } from '../../http/assets.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { Door, Route } from '../door.ts'

const demoKey = Type.Boolean({
  description: "The client's page at `/` of the main port, for browsers.",
  default: true,
})

const FILES = ['demo.js', 'demo.css'] as const

export const demo: Door = {
  name: 'demo',
  config: {
    keys: { demo: demoKey },
    fixedPaths: ({ demo: on }) => (on === false ? [] : ['/', ...FILES.map((file) => `/${file}`)]),
  },
  routes(context) {
    return doorOf(context.config, 'demo', demoKey) ? [PAGE, ...FILES.map(fileRoute)] : []
  },
}

/** Programs that ask for `/` are told what there is, in plain text. */
const PAGE: Route = {
  path: '/',
  handle(exchange) {
    if (exchange.method !== 'GET' || !wantsHtml(exchange)) return false
    sendPage(exchange, 'demo')
    return true
  },
}

function fileRoute(file: string): Route {
  return {
    path: `/${file}`,
    unlisted: true,
    handle: (exchange) => exchange.method === 'GET' && sendAsset(exchange, file),
  }
}

function wantsHtml(exchange: Exchange): boolean {
  return /\btext\/html\b/i.test(exchange.header('accept') ?? '')
}
