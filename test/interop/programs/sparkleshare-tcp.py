"""SparkleShare's TCP client, written from the facts of its protocol.

Usage: sparkleshare-tcp.py PORT json|xml watch REPO COUNT
       sparkleshare-tcp.py PORT json|xml notify REPO [REVISION]

Like the original's, a watcher takes whatever one recv(4096) returns for one message.
"""
import json
import socket
import sys
from xml.sax.saxutils import escape

port, dialect, command, repo = int(sys.argv[1]), *sys.argv[2:5]
connection = socket.create_connection(('127.0.0.1', port), timeout=20)


def send(command, **fields):
    if dialect == 'json':
        message = json.dumps({'repo': repo, 'command': command, **fields})
    else:
        message = '<packet><command>%s</command><repo>%s</repo>' % (command, escape(repo))
        if fields:
            message += '<readable>New revision is %s</readable>' % escape(str(fields['revision']))
        message += '</packet>'
    connection.send(message.encode())


if command == 'watch':
    send('register')
    for _ in range(int(sys.argv[5])):
        print('Received: ' + connection.recv(4096).decode('ascii'), flush=True)
else:
    send('new_version', revision=sys.argv[5] if len(sys.argv) > 5 else None)
connection.close()
