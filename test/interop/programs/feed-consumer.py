"""Reads a feed as GitPubSub's clients do: line by line, an empty line being the end."""
import json
import sys
import urllib.request

with urllib.request.urlopen(sys.argv[1], timeout=30) as stream:
    for line in stream:
        text = line.decode("utf-8").rstrip("\r\n,\x00")
        if text == "":
            print("END")
            break
        event = json.loads(text)
        if "stillalive" not in event:
            print(json.dumps(event.get("commit", event), sort_keys=True), flush=True)
        if event.get("commit", {}).get("last"):
            break
