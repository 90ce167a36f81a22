"""Runs a program on a terminal of its own, and types what it is told.

    terminal.py '[["prompt", "answer"], ...]' program argument...

Each answer is typed when its prompt has appeared behind the last one; an answer of null closes the
terminal's input (Ctrl-D). Prints all that the program printed; ends with its exit code.
"""
import json
import os
import pty
import select
import sys
import time

answers = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])

output = b""
seen = 0
end = time.monotonic() + 20
while time.monotonic() < end:
    ready, _, _ = select.select([terminal], [], [], 0.1)
    if ready:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        if not data:
            break
        output += data
    if answers:
        at = output.find(answers[0][0].encode(), seen)
        if at != -1:
            prompt, answer = answers.pop(0)
            seen = at + len(prompt.encode())
            os.write(terminal, b"\x04" if answer is None else answer.encode() + b"\r")
sys.stdout.buffer.write(output)
sys.stdout.flush()
if time.monotonic() >= end:
    os.kill(pid, 9)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
