-- make demo-nginx: an account of a sandbox authorizes the app of oauth.conf. curl
-- does what a browser would, with a cookie jar.

local cookie_jar = require "spec.support.cookie_jar"
local nginx = require "spec.support.nginx"
local sandbox = require "klaviyo.sandbox"

local server = assert(sandbox.start {rotate_refresh_tokens = true})
local app, failure = nginx.oauth(server)
if not app then
  io.stderr:write("demo-nginx: nginx could not be started:\n", failure)
  server:stop()
  os.exit(1)
end

local visitor = cookie_jar.new(app.dir .. "/cookies")
local failed = 0

-- Prints a step: what was requested, the status, and what came of it.
local function show(name, request, page, status, gist)
  local as_expected = page.status == status and gist
  failed = failed + (as_expected and 0 or 1)
  print(("%-26s %-22s %d  %s%s"):format(name, request, page.status, gist or "-",
    as_expected and "" or "  (something else was expected)"))
end

local function without_query(url)
  return url and url:match("^[^?]*")
end

-- Returns what is between the tags, separated by commas.
local function texts(html)
  local list = {}
  for text in html:gmatch(">([^<]+)") do
    list[#list + 1] = text:match("^%s*(.-)%s*$")
  end
  return table.concat(list, ", ")
end

local function reason(page)
  return page.body:match("<p>([^<\n]+)")
end

-- Answers the page of Klaviyo on which the account decides, as its form does.
local function decide(url, decision)
  return visitor:post(without_query(url), url:match("%?(.*)$") .. "&decision=" .. decision)
end

print("-- curl -b cookies -c cookies " .. app.base_url .. "/…")

local page = visitor:get(app.base_url .. "/install")
local authorize = page.location
show("install", "GET /install", page, 302, without_query(authorize))
local asked = visitor:get(authorize)
show("the page of Klaviyo", "GET /oauth/authorize", asked, 200,
  asked.body:match("asks for access[^<:]*"))

page = decide(authorize, "deny")
page = visitor:get(page.location)
show("denied", "GET /callback (error)", page, 403, reason(page))

page = visitor:get(app.base_url .. "/install")
page = decide(page.location, "allow")
show("allowed", "POST /oauth/authorize", page, 302, without_query(page.location))
local callback = page.location
page = visitor:get(callback)
show("back", "GET /callback (code)", page, 303, page.location)
page = visitor:get(callback)
show("the same again", "GET /callback (code)", page, 400, reason(page))

local accounts = visitor:get(app.base_url .. "/")
local id = accounts.body:match('name="id" value="([^"]+)"')
show("connected accounts", "GET /", accounts, 200, id)
page = visitor:get(app.base_url .. "/lists?id=" .. (id or ""))
show("its lists", "GET /lists?id=" .. (id or ""), page, 200,
  page.body:find("<li>") and texts(page.body:match("<ul>(.-)</ul>")))

page = visitor:post(app.base_url .. "/disconnect", {id = id or ""})
show("a form of another site", "POST /disconnect", page, 403, reason(page))
page = visitor:post(app.base_url .. "/disconnect", {id = id or "",
  token = accounts.body:match('name="token" value="([^"]+)"') or ""})
show("disconnect", "POST /disconnect", page, 303,
  server:stats().oauth.revoked == 1 and "the tokens are revoked")

local logs = app:stop()
local leaked = logs:find(server.client_secret, 1, true)
  or logs:find(callback:match("code=(%w+)"), 1, true)
server:stop()
print(("%-26s %s"):format("secrets in nginx's logs", leaked and "YES" or "no"))
os.exit(failed == 0 and not leaked and 0 or 1)
