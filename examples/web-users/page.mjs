// What a page does, as a program: node page.mjs SESSION. Pages load /socket.io/socket.io.js from the server.
import { io } from 'socket.io-client'

const socket = io('http://localhost:8080', { auth: { session: process.argv[2] } })
socket.on('connect', () => console.log('connected'))
socket.on('connect_error', ({ message }) => console.log(`refused: ${message}`))
socket.on('message', (message) => console.log(message))
