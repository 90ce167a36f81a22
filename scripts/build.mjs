// npm run build: what `npm start` does before it serves.
import { ensureBuilt, ensureInstalled } from './lib.mjs'

ensureInstalled()
ensureBuilt()
