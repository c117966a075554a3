-- app:redirect and app:callback, in the app of examples/nginx/oauth.conf, whose
-- accounts are those of a sandbox.

local base64 = require "klaviyo.util.base64"
local browser = require "spec.support.browser"
local cookie_jar = require "spec.support.cookie_jar"
local digest = require "klaviyo.digest"
local klaviyo = require "klaviyo"
local nginx = require "spec.support.nginx"
local raises = require "spec.support.raises"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

describe("app:redirect and app:callback", function()
  it("say that they work in nginx", function()
    local app = klaviyo.oauth.new {client_id = "a", client_secret = "s", scopes = {"accounts:read"},
      redirect_uri = "https://app.example/callback", store = "/nowhere"}
    raises("app:redirect works in nginx; elsewhere, use app:authorize and app:exchange", function()
      app:redirect()
    end)
    raises("app:callback works in nginx", function() app:callback() end)
  end)
end)

if not rawget(_G, "jit") then
  return -- nginx runs LuaJIT under either interpreter: one run is enough
end

local HIDDEN = {}  -- what no page and no log may have
local FIRST_LINE = "local URL ="

describe("examples/nginx/oauth.conf", function()
  local sandboxed = sandbox.here(setup, teardown, {rotate_refresh_tokens = true})
  local server, visitor

  -- The clock always says the same time. A request may say that it comes later: the header Later has seconds.
  local CLOCK = 'local now = ngx.time()\n ngx.time = function() return now + (tonumber(ngx.var.http_later) or 0) end\n '

  local function start(replace)
    assert.is_nil(nginx.missing())
    server = assert(nginx.oauth(sandboxed.server, {replace = replace}))
    visitor = cookie_jar.new(server.dir .. "/cookies")
  end

  local function stop()
    local logs = server:stop()
    server = nil
    for _, secret in ipairs(HIDDEN) do
      assert.is_nil(logs:find(secret, 1, true), logs)
    end
    logs = logs:gsub("[^\n]*client intended to send too large body[^\n]*", "")
    assert.is_nil(logs:find("[error]", 1, true), logs)
    return logs
  end

  before_each(function()
    sandboxed.server:reset()
    sandboxed.server:clear_faults()
    HIDDEN = {sandboxed.server.client_secret, ("0123456789abcdef"):rep(4)}
    start()
  end)

  after_each(function()
    if server then
      stop()
    end
  end)

  local function get(target, who)
    local page = (who or visitor):get(server.base_url .. target)
    for _, secret in ipairs(HIDDEN) do
      assert.is_nil(page.body:find(secret, 1, true), page.body)
    end
    return page
  end

  -- Begins an authorization; returns the URL of the page.
  local function begin()
    local page = get("/install")
    assert.equal(302, page.status)
    return page.location
  end

  -- Presses a button of the page; returns the target of the callback.
  local function decide(url, decision)
    local page = visitor:post(url:match("^[^?]*"), url:match("%?(.*)$") .. "&decision=" .. (decision or "allow"))
    assert.equal(302, page.status)
    HIDDEN[#HIDDEN + 1] = page.location:match("code=(%w+)")
    return page.location:sub(#server.base_url + 1)
  end

  local function assert_refused(page, status, reason)
    assert.equal(status, page.status)
    assert.matches(reason, page.body, 1, true)
    assert.matches("^text/html", page.headers["content-type"])
  end

  local NOT_BEGUN = "this browser did not begin the authorization, or has finished it"

  local function connected()
    local list = {}
    for id in get("/").body:gmatch('name="id" value="([^"]*)"') do
      list[#list + 1] = id
    end
    return list
  end

  it("connects an account, makes a call for it, and disconnects it", function()
    assert.same({}, connected())
    local url = begin()
    assert.equal(sandboxed.server.base_url .. "/oauth/authorize", url:match("^[^?]*"))
    local page = get(decide(url))
    assert.equal(303, page.status)
    assert.equal("/", page.location)
    assert.same({"SandBx"}, connected())
    page = get("/lists?id=SandBx")
    assert.equal(200, page.status)
    assert.matches("<li>Newsletter", page.body, 1, true)

    local text = script.shell("cat " .. server.dir .. "/tokens/*.token")
    assert.matches("^aes%-256%-gcm ", text)
    local token = get("/").body:match('name="token" value="([^"]*)"')
    page = visitor:post(server.base_url .. "/disconnect", {id = "SandBx", token = token})
    assert.equal(303, page.status)
    assert.same({}, connected())
    assert.equal(1, sandboxed.server:stats().oauth.revoked)
    assert.equal(404, get("/lists?id=SandBx").status)
  end)

  it("ties an authorization to the browser by a cookie that only nginx reads", function()
    local page = get("/install")
    local url, cookie = page.location, page.cookies[1]
    assert.matches("^klaviyo_oauth_[%w_-]+=[%w+/=]+; Path=/; Max%-Age=600; HttpOnly; SameSite=Lax$", cookie)
    assert.equal("no-store", page.headers["cache-control"])
    -- only who has the client secret can read it
    local key = digest.hmac_sha256(sandboxed.server.client_secret, "klaviyo oauth cookie"):gsub("%x%x", function(pair)
      return string.char(tonumber(pair, 16))
    end)
    local sealed = base64.decode(cookie:match("=([^;]*)"))
    assert.is_truthy(digest.open(key, sealed, url:match("state=([^&]*)")))
    local target = decide(url)
    assert_refused(get(target, cookie_jar.new(server.dir .. "/other")), 400, NOT_BEGUN)
    assert.same({}, connected())
    -- the cookie of another authorization, under the name of this one
    local other = get("/install").cookies[1]:match("=([^;]*)")
    script.shell(("sed -i -E 's,(%s\t).*,\\1%s,' %s/cookies"):format(cookie:match("^[^=]*"), other, server.dir))
    assert_refused(get(target), 400, NOT_BEGUN)
    assert.same({}, connected())
    assert.equal(0, sandboxed.server:stats().oauth.exchanged)
  end)

  it("sets cookies for https alone if redirect_uri is https", function()
    stop()
    start {{FIRST_LINE, FIRST_LINE .. ' "https://app.example" or'}}
    local page = get("/install")
    assert.matches("redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&", page.location, 1, true)
    assert.matches("^__Host%-klaviyo_oauth_[%w_-]+=[%w+/=]+; Path=/; Max%-Age=600; HttpOnly; SameSite=Lax; Secure$",
      page.cookies[1])
    assert.matches("^__Host%-session=%x+; Path=/; HttpOnly; SameSite=Strict; Secure$", get("/").cookies[1])
    -- and finds them again
    local output = script.shell(("curl -s -H %s %s"):format(script.quote("Cookie: " .. page.cookies[1]:match("^[^;]*")),
      script.quote(("%s/callback?error=access_denied&state=%s"):format(server.base_url,
        page.location:match("state=([^&]*)")))))
    assert.matches("the account did not authorize the app: access_denied", output, 1, true)
  end)

  it("finishes the authorizations of two tabs", function()
    local first, second = begin(), begin()
    second = decide(second)
    first = decide(first)
    assert.equal(303, get(first).status)
    assert.equal(303, get(second).status)
    assert.equal(2, sandboxed.server:stats().oauth.exchanged)
  end)

  it("refuses a callback that comes again, also with its cookie", function()
    local url = begin()
    script.shell(("cp %s/cookies %s/kept"):format(server.dir, server.dir))
    local target = decide(url)
    local page = get(target)
    assert.equal(303, page.status)
    assert.matches("^klaviyo_oauth_[%w_-]+=; Path=/; Max%-Age=0; ", page.cookies[1])
    assert_refused(get(target), 400, NOT_BEGUN)
    assert_refused(get(target, cookie_jar.new(server.dir .. "/kept")), 400, "invalid_grant: authorize again")
    assert.same({"SandBx"}, connected())
  end)

  it("refuses a callback after ten minutes", function()
    stop()
    start {{FIRST_LINE, CLOCK .. FIRST_LINE}}
    local target = decide(begin())
    local url = server.base_url .. target
    local function status(later)
      return script.shell(("curl -s -b %s/cookies -H 'Later: %d' -w '%%{http_code}' %s"):format(server.dir, later,
        script.quote(url)))
    end
    local output = status(600)
    assert.matches("took longer than 10 minutes; authorize again", output, 1, true)
    assert.matches("400$", output)
    assert.matches("303$", status(599))
  end)

  it("shows that an account did not authorize it", function()
    assert_refused(get(decide(begin(), "deny")), 403, "the account did not authorize the app: access_denied")
    assert.same({}, connected())
    -- only the browser that began learns anything
    assert_refused(get(decide(begin(), "deny"), cookie_jar.new(server.dir .. "/other")), 400, NOT_BEGUN)
  end)

  it("shows that the token endpoint fails, and takes the callback again", function()
    sandboxed.server:fault {path = "/oauth/token", status = 500, times = 1}
    local target = decide(begin())
    assert_refused(get(target), 502, "the code could not be exchanged: 500")
    sandboxed.server:fault {path = "/oauth/token", reset = "before", times = 1}
    assert_refused(get(target), 502, "the code could not be exchanged: ")
    assert.equal(303, get(target).status)
    assert.same({"SandBx"}, connected())
    assert_refused(get(target), 400, NOT_BEGUN)
    sandboxed.server:fault {path = "/oauth/token", oauth_error = "invalid_client", times = 1}
    target = decide(begin())
    assert_refused(get(target), 400, "check client_id and client_secret")
    assert_refused(get(target), 400, NOT_BEGUN)
    local logs = stop()
    assert.matches("%[alert%] %d+#%d+: %*%d+ .*the code could not be exchanged: 500", logs)
    assert.is_nil(logs:find("state=", 1, true), logs)
  end)

  it("accepts only what a callback has", function()
    local state = get("/install").cookies[1]:match("^klaviyo_oauth_([^=]*)")
    for _, query in ipairs {"", "?state=", "?state=" .. state, "?state=" .. ("x"):rep(43), "?state=a&state=b",
      "?state=" .. ("%22"):rep(43), "?state=" .. ("a"):rep(5000)} do
      local page = get("/callback" .. query)
      assert.equal(400, page.status, query)
      assert.equal(0, #page.cookies)
    end
    local url = begin()
    state = url:match("state=([^&]*)")
    assert_refused(get("/callback?state=" .. state), 400, "the callback has no code")
    state = begin():match("state=([^&]*)")
    assert_refused(get("/callback?state=" .. state .. "&error=" .. "%3Cscript%3E"), 400,
      "the account did not authorize the app: error")
    state = begin():match("state=([^&]*)")
    assert_refused(get("/callback?code=<script>&code=b&state=" .. state), 400, "the callback has no code")
  end)

  it("redirects to pages of its own alone", function()
    local target = decide(begin())
    local page = get(target .. "&next=https://other.example/&redirect_uri=https://other.example/")
    assert.equal(303, page.status)
    assert.equal("/", page.location)
    page = get("/install?redirect_uri=https://other.example/&next=//other.example")
    assert.is_nil(page.location:find("other.example", 1, true))
  end)

  it("escapes what it shows, and allows no script, frame or foreign form", function()
    assert(sandboxed.client.lists:create {name = [[<script>alert("1")</script>&'x']]})
    assert.equal(303, get(decide(begin())).status)
    local page = get("/lists?id=SandBx")
    assert.matches("<li>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;x&#39;", page.body, 1, true)
    for _, target in ipairs {"/", "/lists?id=SandBx", "/lists?id=%3Cb%3E", "/callback", "/lists?id=a&id=b", "/lists"} do
      page = get(target)
      assert.is_nil(page.body:find("<b>", 1, true))
      assert.equal("default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        page.headers["content-security-policy"], target)
      assert.equal("no-referrer", page.headers["referrer-policy"])
      assert.equal("no-store", page.headers["cache-control"])
    end
  end)

  it("disconnects only by a form of this browser", function()
    assert.equal(303, get(decide(begin())).status)
    local page = get("/")
    local token = page.body:match('name="token" value="([^"]*)"')
    local url = server.base_url .. "/disconnect"
    local other = cookie_jar.new(server.dir .. "/other")
    assert.equal(403, get("/disconnect?id=SandBx&token=" .. token).status)
    assert.equal(403, visitor:post(url, {id = "SandBx"}).status)
    assert.equal(403, visitor:post(url, {id = "SandBx", token = "x"}).status)
    assert.equal(403, visitor:post(url, "id=SandBx&token&token=" .. token).status)
    assert.equal(403, other:post(url, {id = "SandBx", token = token}).status)
    assert.are_not.equal(token, get("/", other).body:match('name="token" value="([^"]*)"'))
    assert.equal(403, other:post(url, {id = "SandBx", token = token}).status)
    assert.equal(404, visitor:post(url, {id = "other", token = token}).status)
    assert.equal(413, visitor:post(url, "id=" .. ("x"):rep(5000)).status)
    assert.same({"SandBx"}, connected())
    sandboxed.server:fault {path = "/oauth/revoke", oauth_error = "invalid_client"}
    assert_refused(visitor:post(url, {id = "SandBx", token = token}), 400, "the tokens could not be revoked: 4")
    assert.same({"SandBx"}, connected())
  end)

  it("shows that an account has uninstalled the app", function()
    assert.equal(303, get(decide(begin())).status)
    assert.equal(200, get("/lists?id=SandBx").status)
    sandboxed.server:uninstall()
    assert_refused(get("/lists?id=SandBx"), 400, "invalid_grant: authorize again")
  end)

  it("shows that the tokens cannot be stored", function()
    local target = decide(begin())
    script.shell(("rm -rf %s/tokens && touch %s/tokens"):format(server.dir, server.dir))
    local page = get(target)
    assert_refused(page, 500, "the tokens cannot be stored or read")
    assert.is_nil(page.body:find(server.dir, 1, true))
    assert.equal(500, get("/").status)
    assert.matches("%[alert%] %d+#%d+: .*tokens.*: Not a directory", stop())
  end)

  it("works in a browser, by its links and forms", function()
    if browser.missing() then
      pending(browser.missing())
      return
    end
    local tab = browser.start()
    finally(function() tab:stop() end)

    -- Clicks what a selector finds, and waits until the page has another title.
    local function click(selector)
      local before = tab:evaluate "document.title"
      tab:evaluate(("document.querySelector(%q).click()"):format(selector))
      assert.is_true(shell.wait_for(function()
        local ok, title = pcall(tab.evaluate, tab, "document.readyState == 'complete' ? document.title : ''")
        return ok and title ~= "" and title ~= before
      end, 20), selector)
      return tab:evaluate "document.body.innerText"
    end

    tab:open(server.base_url .. "/")
    assert.equal("Connected accounts", tab:evaluate "document.title")
    click "a[href='/install']"
    assert.equal("Authorize an app", tab:evaluate "document.title")
    assert.matches("access_denied", click "button[value=deny]", 1, true)
    assert.equal("", tab:evaluate "document.cookie")  -- no script can read the cookies
    click "a[href='/install']"
    click "button[value=allow]"
    assert.equal(server.base_url .. "/", tab:evaluate "location.href")
    assert.matches("Newsletter", click "a[href='/lists?id=SandBx']", 1, true)
    click "a[href='/']"
    tab:evaluate "document.querySelector('button').click()"
    assert.is_true(shell.wait_for(function()
      return sandboxed.server:stats().oauth.revoked == 1
    end, 20))
    assert.same({}, connected())
    for _, line in ipairs(tab:console()) do
      assert.is_nil(line:find("Content Security Policy", 1, true), line)
    end
  end)
end)
