"""Posts a commit as a hook in Python does: PUT, JSON and two newlines."""
import http.client
import json
import sys

host, port, commit = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
connection = http.client.HTTPConnection(host, port, timeout=10)
connection.request("PUT", "/json", json.dumps({"commit": commit}) + "\n\n")
answer = connection.getresponse()
print(answer.status, answer.getheader("X-Timestamp"), answer.read().decode().strip())
