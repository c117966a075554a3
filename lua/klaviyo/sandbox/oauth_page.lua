--- The pages of the sandbox on which an account authorizes an app.

local M = {}

local ESCAPES = {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;"}

local function escape(text)
  return (text:gsub("[&<>\"']", ESCAPES))
end

local PAGE = [[
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>
body { font: 16px/1.5 sans-serif; max-width: 34em; margin: 3em auto; padding: 0 1em }
button { font: inherit; padding: .4em 1.2em; margin-right: .5em }
</style>
</head>
<body>
<main>
%s</main>
</body>
</html>
]]

--- Returns a page that says why a request cannot be answered.
---@param message string
---@return string
function M.error(message)
  return PAGE:format("Cannot authorize", ("<h1>Cannot authorize</h1>\n<p>%s</p>\n")
    :format(escape(message)))
end

--- Returns the form on which the account allows or refuses what an app asks for.
---@param client_id string
---@param scopes string[]
---@param parameters string[][]  name and value of each parameter of the request
---@return string
function M.form(client_id, scopes, parameters)
  local out = {("<h1>Authorize an app</h1>\n<p>The app <strong>%s</strong> asks for "
    .. "access to this account of the sandbox:</p>\n<ul id=\"scopes\">\n")
    :format(escape(client_id))}
  for _, scope in ipairs(scopes) do
    out[#out + 1] = ("<li>%s</li>\n"):format(escape(scope))
  end
  out[#out + 1] = '</ul>\n<form method="post" action="/oauth/authorize">\n'
  for _, pair in ipairs(parameters) do
    out[#out + 1] = ('<input type="hidden" name="%s" value="%s">\n'):format(
      escape(pair[1]), escape(pair[2]))
  end
  out[#out + 1] = '<button name="decision" value="allow">Allow</button>\n'
    .. '<button name="decision" value="deny">Deny</button>\n</form>\n'
  return PAGE:format("Authorize an app", table.concat(out))
end

return M
