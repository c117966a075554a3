-- For usage errors: checks that one is raised, that it names the line of the
-- program, and its text.
--
--   raises('unknown operation "get_profle"', function()
--     client:call("get_profle")   -- no `return`: a tail call has no line
--   end)

--- Checks that a function raises a message that contains each of these texts
--- (plain, not patterns) and names a line of the function itself.
---@param texts string|string[]
---@param call function
---@return string message without its "file:line: "
return function(texts, call)
  local ok, message = pcall(call)
  if ok then
    error("nothing was raised", 2)
  end
  if type(message) ~= "string" then
    error("raised no text, but " .. tostring(message), 2)
  end
  local info = debug.getinfo(call, "S")
  local file, line, message_text = message:match("^(.-):(%d+): (.*)$")
  if not file or file ~= info.short_src or tonumber(line) < info.linedefined
      or tonumber(line) > info.lastlinedefined then
    error(("blames another line than %s:%d-%d: %s"):format(info.short_src,
      info.linedefined, info.lastlinedefined, message), 2)
  end
  for _, text in ipairs(type(texts) == "table" and texts or { texts }) do
    if not message_text:find(text, 1, true) then
      error(("does not say %q: %s"):format(text, message), 2)
    end
  end
  return message_text
end
