-- Posts a commit as a hook in Lua does: no Content-Length, one line, and away without reading.
local socket = require "socket"
local json = require "json"
local feed = socket.tcp()
feed:settimeout(0.5)
assert(feed:connect(arg[1], tonumber(arg[2])))
local commit = { repository = "git", project = arg[3], ref = "refs/heads/master", hash = arg[4],
  author = arg[5], log = arg[6], files = { "a/b", "c" }, changes = "2 files" }
feed:send("POST /json HTTP/1.1\r\nHost: localhost\r\n\r\n" .. json.encode({ commit = commit }) .. "\r\n")
if arg[7] == "half" then
  feed:shutdown("send")
  print((feed:receive("*l")))
end
feed:close()
