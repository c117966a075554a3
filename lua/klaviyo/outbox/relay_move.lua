--- Moves the events of an outbox's file to the stream of its relay, the oldest first.

local progress = require "klaviyo.outbox.progress"
local sender = require "klaviyo.outbox.sender"

local M = {}

-- What is moved at once: events, and about this number of bytes.
local MAX_COUNT, MAX_BYTES = 500, 1000000

-- The code of the error that the stream has as many events as it may.
local FULL = "full"

-- Reads events of a file from `first` to `last`. Returns the ids, and the words for
-- the stream.
local function read(store, first, last)
  local ids, words, bytes = {}, {}, 0
  while first <= last and #ids < MAX_COUNT and bytes < MAX_BYTES do
    local id, unique, revision, time, payload = store:first(first, last)
    if not id then
      if unique ~= "none" then
        return nil, unique, revision
      end
      break
    end
    ids[#ids + 1] = id
    local at = #words
    words[at + 1], words[at + 2] = unique, revision
    words[at + 3], words[at + 4] = ("%.0f"):format(time), payload
    first, bytes = id + 1, bytes + #payload
  end
  return ids, words
end

local function full(move)
  return move.problems:report("move", {code = FULL, kind = "transport",
    message = ("it has %d events, max_stream"):format(move.stream.length)})
end

-- While the stream is full, no events are read from the file.
local function check_room(move)
  if not move.problems:has("move", FULL) then
    return true
  end
  local has_room, err = move.stream:has_room()
  if err then
    return nil, move.problems:report("move", err)
  end
  return has_room or nil, not has_room and full(move) or nil
end

-- Moves the first events of a range. Returns the range of the others, or nil if there
-- are none.
local function move_some(move, range)
  local store = move.flush.store
  local ids, words, why = read(store, range.first, range.last)
  if not ids then
    return nil, sender.error_of(words, why)
  elseif #ids == 0 then
    return nil
  end
  local added, err = move.stream:add(words)
  if not added then
    return nil, move.problems:report("move", err)
  end
  if added > 0 then
    move.on_moved(added)
    progress.deliver(store, {first = ids[1], last = ids[added], count = added})
    local ok
    ok, err = sender.write(move.flush)
    if not ok then
      return nil, err
    end
  end
  if added < #ids then
    return nil, full(move)
  end
  return {first = ids[#ids] + 1, last = range.last}
end

--- Moves the events of the flush's store. They are deleted once they are in the stream.
---@param flush table  of the sender
---@param stream klaviyo.redis.Stream
---@param problems klaviyo.outbox.RelayProblems
---@param on_moved fun(count: integer)  called with the number of events of each part
---@return boolean|nil done
---@return klaviyo.Error|nil err
function M.run(flush, stream, problems, on_moved)
  local move = {flush = flush, stream = stream, problems = problems, on_moved = on_moved}
  local store = flush.store
  local newest, what, why = store:newest()
  if not newest then
    return nil, sender.error_of(what, why)
  end
  local done, err = sender.write(flush)
  if done then
    done, err = check_room(move)
  end
  if not done then
    return nil, err
  end
  for _, range in ipairs(progress.ranges(store, 0, newest)) do
    local rest = range
    while rest and not flush.is_over() do
      rest, err = move_some(move, rest)
      if err then
        return nil, err
      end
    end
  end
  problems:forget("move")
  if store:waiting() == 0 then
    store:shrink()
  end
  return true
end

return M
