"""A fanout client, written from the facts of SparkleShare's TcpListener and its git hook.

Usage: fanout-client.py PORT listen CHANNEL COUNT
       fanout-client.py PORT hook CHANNEL MESSAGE

A listener takes of each recv(4096) what stands before the first line end, and nothing else; it does not
wait for the greeting. The hook sends its line and an empty one, closes at once, and never reads.
"""
import socket
import sys

port, command, channel = int(sys.argv[1]), *sys.argv[2:4]
connection = socket.create_connection(('127.0.0.1', port), timeout=20)

if command == 'hook':
    connection.send(('announce %s %s\n\n' % (channel, sys.argv[4])).encode())
    connection.close()
    sys.exit()

connection.send(('subscribe %s\n' % channel).encode())
count = int(sys.argv[4])
while count > 0:
    line = connection.recv(4096).decode().split('\n')[0]
    if '!' not in line:
        continue
    folder, message = line.split('!', 1)
    if folder != 'debug':
        print('%s: %s' % (folder, message), flush=True)
        count -= 1
connection.send(b'ping\n')
print('alive' if connection.recv(4096) else 'gone', flush=True)
connection.close()
