"""A client of Socket.IO in Python: logs in, subscribes, prints what comes, and goes on by its last id.

    socketio-client.py URL SESSION TRANSPORTS [original]
"""
import json
import sys
import threading

import socketio

url, session, transports = sys.argv[1:4]
original = sys.argv[4:] == ['original']
client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.1)
last = None
# This client calls a handler in a thread of its own for each event, so they overtake one another.
lock = threading.Lock()


def say(*words):
    with lock:
        print(*words, flush=True)


def newest(one, other):
    return one if other is None else max(one, other, key=lambda id: [int(part) for part in id.split('-')])


def auth():
    if original:
        return {}
    known = {} if last is None else {'since': last}
    return {'session': session, 'envelope': True, **known}


@client.event
def connect():
    say('connected')
    if original:
        client.send(json.dumps({'userId': 1, 'hash': session}))
    elif last is None:
        # An answer cannot be waited for in here.
        client.start_background_task(subscribe)


def subscribe():
    say('subscribed', json.dumps(client.call('subscribe', 'news')['channels']))


@client.event
def disconnect():
    say('disconnected')


# One argument: another one would be an error.
@client.event
def message(data):
    global last
    if isinstance(data, dict) and 'body' in data:
        with lock:
            last = newest(data['id'], last)
        data = data['body']
    say('message', json.dumps(data))
    if data == 'bye':
        client.disconnect()


@client.event
def connect_error(data):
    say('refused', json.dumps(data))


try:
    client.connect(url, auth=auth, transports=transports.split(','))
    client.wait()
except socketio.exceptions.ConnectionError:
    say('no connection')
