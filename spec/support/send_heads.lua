-- Sends request heads byte by byte as they are, each over a connection of its
-- own, and prints the status of each answer ("-": none came).
--   lua5.4 send_heads.lua PORT HEADS
-- HEADS is a Lua file that returns a list of texts.
local socket = require "socket"

for _, head in ipairs(dofile(arg[2])) do
  local client = assert(socket.connect("127.0.0.1", tonumber(arg[1])))
  client:settimeout(5)
  client:send(head)
  local line = client:receive("*l")
  print(line and line:match("^HTTP/%S+ (%d+)") or "-")
  client:close()
end
