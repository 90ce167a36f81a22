"""redis-py against the redis door: subscribe, patterns, publish, streams, and resuming by XREAD."""
import sys
import threading

import redis

port = int(sys.argv[1])
client = redis.Redis(port=port)
print("ping", client.ping())

pubsub = client.pubsub()
pubsub.subscribe("news")
pubsub.psubscribe("n*")
for _ in range(2):
    print("confirmed", pubsub.get_message(timeout=10)["type"])

print("receivers", client.publish("news", b"\x00hello\xff"))
for _ in range(2):
    message = pubsub.get_message(timeout=10)
    print(message["type"], message["channel"], message["data"])
print("healthy", pubsub.ping() is None and pubsub.get_message(timeout=10)["type"])
pubsub.unsubscribe()
pubsub.punsubscribe()
for _ in range(2):
    print("confirmed", pubsub.get_message(timeout=10)["type"])

ids = [client.xadd("log", {"user": "mona", "n": n}) for n in range(3)]
print("length", client.xlen("log"), client.type("log"), client.exists("log"))
print("last", client.xrevrange("log", count=1)[0][1])
# A reader that comes back goes on behind the last entry that it had.
cursor = ids[0]
for stream, entries in client.xread({"log": cursor}):
    for entry_id, fields in entries:
        print("missed", stream, fields[b"body"])
        cursor = entry_id
writer = threading.Timer(0.05, lambda: redis.Redis(port=port).xadd("log", {"body": "live"}))
writer.start()
print("live", client.xread({"log": cursor}, block=10000)[0][1][0][1])
writer.join()
print("info", client.xinfo_stream("log")["length"], client.info()["redis_version"])
print("scan", sorted(client.scan_iter(match="l*")))
print("pipeline", client.pipeline(transaction=False).publish("a", "1").ping().execute())
print("deleted", client.delete("log"), client.xlen("log"))
print("client", client.client_setname("me"), client.client_getname())
