--- The scripts of a stream, which Redis runs: each makes all of its changes, or
--- nothing. Their keys have one hash tag if the stream's name has one.

local M = {}

-- The consumer group of all senders. In quotes it would be an import to
-- tools/imports.lua.
M.GROUP = [[klaviyo]]

-- A stream belongs to one account, whose hash is beside it.
local CHECK = [[
local owner = redis.call('GET', KEYS[2])
if not owner then
  redis.call('SET', KEYS[2], ARGV[1])
elseif owner ~= ARGV[1] then
  return redis.error_reply('FOREIGN the stream belongs to another account')
end
]]

--- Adds events while the stream has fewer than a maximum.
--- Keys: the stream, its account. Arguments: the account, the maximum, the group, and
--- for each event its unique_id, revision, milliseconds and payload. It creates the group,
--- too: if Redis is full, nobody could.
--- Returns how many it added, and the length of the stream.
M.ADD = CHECK .. [[
local length, most, added = redis.call('XLEN', KEYS[1]), tonumber(ARGV[2]), 0
if length == 0 then
  redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[3], '0', 'MKSTREAM')
end
for i = 4, #ARGV, 4 do
  if length + added >= most then
    break
  end
  redis.call('XADD', KEYS[1], '*', 'id', ARGV[i], 'revision', ARGV[i + 1],
    'time', ARGV[i + 2], 'event', ARGV[i + 3])
  added = added + 1
end
return {added, length + added}
]]

--- Takes the turn to send, or keeps it, creates the group, and removes consumers
--- that ended and have nothing. A full Redis (OOM) has no room for the turn's key:
--- then all send, because that makes room.
--- Keys: the stream, its account, its turn. Arguments: the account, the group, the
--- consumer, the milliseconds of the turn, and those after which a consumer ended.
--- Returns 1 if the consumer has the turn, the length of the stream, and the number of
--- entries that consumers have taken.
M.TURN = CHECK .. [[
local taken = redis.pcall('XPENDING', KEYS[1], ARGV[2])
if taken.err then
  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[2], '0', 'MKSTREAM')
  taken = {0}
end
local length = redis.call('XLEN', KEYS[1])
local holder = redis.call('GET', KEYS[3])
if holder and holder ~= ARGV[3] then
  return {0, length, taken[1]}
elseif holder then
  redis.call('PEXPIRE', KEYS[3], ARGV[4])
else
  redis.pcall('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
end
for _, one in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[2])) do
  if one[2] ~= ARGV[3] and one[4] == 0 and one[6] > tonumber(ARGV[5]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[2], one[2])
  end
end
return {1, length, taken[1]}
]]

--- Removes entries that were sent. Key: the stream. Arguments: the group, their ids.
--- Returns the length of the stream.
M.ACKNOWLEDGE = [[
redis.call('XACK', KEYS[1], unpack(ARGV))
redis.call('XDEL', KEYS[1], unpack(ARGV, 2))
return redis.call('XLEN', KEYS[1])
]]

--- Moves an entry to the stream of rejected events. Keys: both streams. Arguments: the
--- group, how many rejected events to keep, the entry's id, and its fields.
--- Returns the length of the first stream.
M.REJECT = [[
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[2], '*', unpack(ARGV, 4))
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
return redis.call('XLEN', KEYS[1])
]]

--- Gives the turn back, and the entries that the consumer still has: any consumer may
--- claim them at once, and they count as delivered only as often as before.
--- Keys: the stream, its turn. Arguments: the group, the consumer, the milliseconds
--- for which entries count as taken, and for each entry its id and that number.
M.RELEASE = [[
for i = 4, #ARGV, 2 do
  local entry = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if not entry.err and entry[1] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'IDLE', ARGV[3],
      'RETRYCOUNT', ARGV[i + 1], 'JUSTID')
  end
end
if redis.call('GET', KEYS[2]) == ARGV[2] then
  redis.call('DEL', KEYS[2])
end
return 1
]]

return M
