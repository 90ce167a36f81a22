"""SparkleShare's ZeroMQ client, written from the facts of its protocol.

Usage: sparkleshare-zmq.py PORT watch REPO COUNT
       sparkleshare-zmq.py PORT notify REPO REVISION
What it shows: ZMQ_PLAIN = NAME:SECRET, or ZMQ_CURVE = SERVER'S PUBLIC KEY, PUBLIC KEY, SECRET KEY, with blanks.
"""
import json
import os
import sys

import zmq

port, command, repo = int(sys.argv[1]), *sys.argv[2:4]
context = zmq.Context()
address = 'tcp://127.0.0.1:%d' % port


def show(socket):
    if 'ZMQ_PLAIN' in os.environ:
        name, secret = os.environ['ZMQ_PLAIN'].split(':')
        socket.plain_username, socket.plain_password = name.encode(), secret.encode()
    if 'ZMQ_CURVE' in os.environ:
        keys = [key.encode() for key in os.environ['ZMQ_CURVE'].split(' ')]
        socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = keys


if command == 'notify':
    push = context.socket(zmq.PUSH)
    show(push)
    push.connect(address)
    push.send(json.dumps({'repo': repo, 'command': 'new_version', 'revision': sys.argv[4]}).encode())
else:
    sub = context.socket(zmq.SUB)
    show(sub)
    sub.connect(address)
    sub.setsockopt(zmq.SUBSCRIBE, repo.encode())
    sub.setsockopt(zmq.RCVTIMEO, 20000)
    count = int(sys.argv[4])
    while count > 0:
        name, revision = sub.recv_multipart()
        if name.decode() == repo:
            print('Received on %s: %s' % (repo, revision.decode()), flush=True)
            count -= 1
    sub.close()
if command == 'notify':
    push.close()
context.term()
