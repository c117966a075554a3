--- Iterates over the pages of a collection, and over the resources in them.
---
--- One page is in memory at a time. An iterator may be called by a `for`
--- loop, which raises the error object of a failure, or by hand: `it:next()`
--- returns a value, `nil` at the end, or `nil, err` (call it again to retry that
--- page).

local responses = require "klaviyo.response.response"
local core = require "klaviyo.core"
local hidden = require "klaviyo.util.hidden"
local json = require "klaviyo.values.json"
local lock = require "klaviyo.tasks.lock"
local scheduler = require "klaviyo.tasks.scheduler"
local transport = require "klaviyo.transport.transport"
local warning = require "klaviyo.util.warning"

local M = {}

---@class klaviyo.Iterator
---@field count integer  how many values it returned so far
---@field done boolean  whether the end was reached
---@field next fun(self): any, any
---@field cursor fun(self): string|nil
---@field close fun(self)
local Pages = {}
Pages.__index = Pages
Pages.__name = "klaviyo.Pages"

local WHY = {
  broken = "links.next is no link that can be followed: ",
  foreign = "links.next leads to another host and was not followed: ",
  repeated = "links.next leads back to a page that was seen: ",
}

---@param source {settings: table, request: table, op: table}
function M.pages(source)
  local walk = core.pages(source.settings.base_url, source.request.url)
  return setmetatable({
    lock = lock.new "a walk",
    count = 0,
    done = false,
    prefetches = true,
    -- both refer to the settings, with the key
    inner = hidden {source = source, pending = nil},
    walk = walk,
    next_cursor = walk:cursor(),
  }, Pages)
end

-- Finds the next link in the bytes of a page.
local function follow(self, body)
  local more, why, link
  if body ~= "" then
    more, why, link = self.walk:follow(body)
  end
  if more then
    self.next_cursor = self.walk:cursor()
  elseif not why then
    self.done, self.next_cursor = true, nil
  end
  return why and WHY[why] .. link
end

-- Returns to a page that was received, but cannot be decoded.
local function go_back(self, url, cursor)
  if self.inner().pending then
    transport.cancel(self.inner().pending)
    self.inner().pending = nil
  end
  self.walk:close()
  self.walk = core.pages(self.inner().source.settings.base_url, url)
  self.next_cursor, self.done = cursor, false
end

local function with(t, key, value)
  local copy = {}
  for name, old in pairs(t) do
    copy[name] = old
  end
  copy[key] = value
  return copy
end

-- The next page of a POST is requested with the same document; if that has the
-- cursor among its attributes it is set there.
local function next_request(self)
  local source = self.inner().source
  local request = source.request
  if not (source.op.page and source.op.page.style == "body") then
    request.url = self.walk:url()
  elseif self.next_cursor then
    local document = request.document
    local data = document.data
    request.body = json.encode(with(document, "data", with(data, "attributes",
      with(data.attributes, "page_cursor", self.next_cursor))))
  end
  return request
end

local function submit(self)
  local source = self.inner().source
  return transport.submit(source.settings, next_request(self), source.op)
end

-- The path of a relationship to one resource ends in a singular: its page may
-- have {"data": null}. A collection always has a list.
local function has_data(op, page)
  return page.data ~= nil
    and (page.data ~= json.null or not op.path:find("s$"))
end

-- Waits for a page, follows its link, requests the page after it, and then
-- decodes the page. Returns the page, or nil and the error; whether its link was
-- followed; and why the link cannot be followed.
local function read_page(self, pending)
  local inner = self.inner()
  inner.pending = pending
  local ok, response, raw_error = pcall(transport.await, pending)
  if inner.pending == pending then
    inner.pending = nil
  end
  if not ok then
    error(response, 0)
  end
  local is_followed, link_error = false, nil
  if response and response.status >= 200 and response.status < 300 then
    is_followed = true
    link_error = self.walk and follow(self, response.body)
    if self.prefetches and not link_error
        and not (self.limit and self.count + 1 >= self.limit) then
      self:prefetch()
    end
  end
  local page, err = transport.read(pending, response, raw_error)
  if page and not has_data(pending.op, page) then
    page, err = nil, responses.no_page(pending, page)
  end
  return page, err, is_followed, link_error
end

-- The deadline of a prefetched page may pass before the program asks for it.
local function prefetch_expired(err)
  return err and (err.kind == "timeout" or err.kind == "rate_limited")
    and not err.response
end

-- A page whose link cannot be followed is still returned; the error is returned
-- by the next call.
local function next_page(self)
  if self.limit and self.count >= self.limit then
    self:close()
  end
  if self.lost or self.done or not self.walk then
    return nil, self.lost
  end
  local url, cursor = self.walk:url(), self.next_cursor
  local pending = self.inner().pending
  local page, err, is_followed, link_error
  -- if it is awaited already, the task that waited for it was cancelled
  if pending and not pending.is_awaited then
    page, err, is_followed, link_error = read_page(self, pending)
  end
  if self.walk and not page and (not err or prefetch_expired(err)) then
    page, err, is_followed, link_error = read_page(self, submit(self))
  end
  if not self.walk then
    return nil  -- closed meanwhile
  elseif not page then
    if is_followed then
      go_back(self, url, cursor)
    end
    return nil, err
  elseif link_error then
    self.lost = responses.lost(link_error, self.inner().source, page)
  end
  self.count = self.count + 1
  return page
end

--- Returns the next page; `nil` at the end; or `nil, err`. The page after it is
--- requested as soon as this one is received.
function Pages:next()
  return self.lock:with(self.inner().source.settings.wait, next_page, self)
end

--- Requests the next page, if there is one. An error here does not affect the
--- current page.
function Pages:prefetch()
  if self.inner().source.settings.prefetch and not self.inner().pending and self.walk
      and not self.done and not self.lost then
    local ok, pending = pcall(submit, self)
    if ok then
      self.inner().pending = pending
    elseif scheduler.is_interrupt(pending) then
      error(pending, 0)
    end
  end
end

--- Returns the cursor of the next page. Pass it as `page = {cursor = …}` to
--- continue from there, now or later. `nil` means the first page or, when `done`
--- is true, that there are no more.
function Pages:cursor()
  return self.next_cursor
end

--- Ends the iteration and cancels the request in progress. May be called twice.
function Pages:close()
  if self.inner().pending then
    transport.cancel(self.inner().pending)
    self.inner().pending = nil
  end
  if self.walk then
    self.walk:close()
    self.walk = nil
  end
end

---@class klaviyo.Items: klaviyo.Iterator
local Items = {}
Items.__index = Items
Items.__name = "klaviyo.Items"

--- Returns an iterator over the resources of all pages. `pick` maps each to the
--- value that is returned.
---@param pages table  an iterator from M.pages
---@param limit integer|nil  how many at most; no page is requested needlessly
---@param pick (fun(resource: table): any)|nil
function M.items(pages, limit, pick)
  pages.prefetches = limit == nil  -- else turn_page decides
  return setmetatable({
    lock = lock.new "a walk", count = 0, done = false, pages = pages,
    limit = limit or math.huge, pick = pick, list = {}, at = 0,
  }, Items)
end

-- Returns the resources of a page, or nil if it has none but other data.
local function resources_of(page)
  local data = page.data
  if data == nil or data == json.null then
    return {}
  elseif type(data) ~= "table" then
    return nil
  elseif data.type ~= nil or #data == 0 and next(data) ~= nil then
    return {data}  -- one resource, not a list of them
  end
  for _, resource in ipairs(data) do
    if type(resource) ~= "table" or resource.id == nil then
      return nil
    end
  end
  return data
end

local function turn_page(self)
  if self.at < #self.list then
    return self.page  -- another task turned the page
  end
  -- to continue from here is to request the next page
  self.page_cursor = self.pages:cursor()
  local page, err = next_page(self.pages)
  if not page then
    self.done = self.pages.done
    return nil, err
  end
  local list = resources_of(page)
  if not list then
    return nil, responses.lost("the page's data are no resources",
      self.pages.inner().source, page)
  end
  self.page, self.list, self.at = page, list, 0
  if self.count + #list < self.limit then
    self.pages:prefetch()
  end
  return page
end

--- Returns the next resource and its page; `nil` at the end; or `nil, err`.
function Items:next()
  while true do
    if self.count >= self.limit then
      self:close()
    end
    if self.closed then
      return nil
    elseif self.at < #self.list then
      break
    end
    local page, err = self.lock:with(self.pages.inner().source.settings.wait,
      turn_page, self)
    if not page then
      return nil, err
    end
  end
  self.at = self.at + 1
  self.count = self.count + 1
  local resource = self.list[self.at]
  if self.pick then
    return self.pick(resource), resource, self.page
  end
  return resource, self.page
end

--- Returns the cursor from which no resource is skipped: that of the current
--- page while it has resources left, then that of the next one. `nil` means the
--- first page or, when `done` is true, that there are no more.
function Items:cursor()
  if self.at < #self.list then
    return self.page_cursor
  end
  return self.pages:cursor()
end

--- Ends the iteration and cancels the request in progress. May be called twice.
function Items:close()
  self.closed = true
  self.pages:close()
end

-- A `for` loop must not end early without an error.
local function call(self)
  local value, second, third = self:next()
  if value == nil and second ~= nil then
    warning.log_raised(second)
    error(second, 0)
  end
  return value, second, third
end

for _, class in ipairs {Pages, Items} do
  class.__call = call
  class.__close = class.close
end

--- Returns an iterator as a `for` loop takes it. A `break` closes it in Lua 5.4;
--- in LuaJIT, which has no closing values, the collector does.
function M.loop(iterator)
  return iterator, nil, nil, iterator
end

return M
