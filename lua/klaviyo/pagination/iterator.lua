--- Walks over the pages of a collection, and over the resources in them.
---
--- One page is in memory at a time. An iterator may be called by a `for`
--- loop, which raises the error object of a failure, or by hand:
--- `it:next()` gives a value, `nil` at the end, or `nil, err` (and may then be
--- called again, to try that page once more).

local answer = require "klaviyo.response.response"
local core = require "klaviyo.core"
local hidden = require "klaviyo.util.hidden"
local json = require "klaviyo.values.json"
local lock = require "klaviyo.tasks.lock"
local scheduler = require "klaviyo.tasks.scheduler"
local transport = require "klaviyo.transport.transport"
local warning = require "klaviyo.util.warning"

local M = {}

---@class klaviyo.Iterator
---@field count integer  how many values it gave so far
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
    ahead = true,
    -- the settings, with the key, are in both of them
    inner = hidden {source = source, pending = nil},
    walk = walk,
    next_cursor = walk:cursor(),
  }, Pages)
end

-- The next link is found in the bytes.
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

-- To a page that came, but cannot be decoded.
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

-- Pages of a POST are asked for with the same document again; one that has
-- the cursor among its attributes gets it there.
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

local function start(self)
  local source = self.inner().source
  return transport.start(source.settings, next_request(self), source.op)
end

-- The path of a related resource of which there is one, or none, ends in a
-- singular: {"data": null} says that there is none. A collection is a list,
-- however empty.
local function has_data(op, page)
  return page.data ~= nil
    and (page.data ~= json.null or not op.path:find("s$"))
end

-- Lands the flight of the page that comes next. Whoever waits for the link has
-- it before the page is decoded.
local function land(self, pending)
  local outcome = {}
  self.inner().pending = pending
  outcome.ok, outcome.page, outcome.err = pcall(transport.land, pending,
    function(body)
      self.inner().pending = nil
      outcome.arrived = true
      outcome.raw_error = self.walk and follow(self, body)
      if self.ahead and not outcome.raw_error
          and not (self.limit and self.count + 1 >= self.limit) then
        self:prefetch()
      end
    end)
  if self.inner().pending == pending then
    self.inner().pending = nil
  end
  local page = outcome.page
  if not outcome.ok then
    error(page, 0)
  elseif page and not has_data(pending.op, page) then
    outcome.page, outcome.err = nil, answer.no_page(pending, page)
  end
  return outcome
end

-- The time of a page that was asked for ahead may be over before anybody
-- looked at it.
local function came_too_early(err)
  return err and (err.kind == "timeout" or err.kind == "rate_limited")
    and not err.response
end

-- A page whose link cannot be followed is still given; the error comes when
-- more is asked for.
local function next_page(self)
  if self.limit and self.count >= self.limit then
    self:close()
  end
  if self.lost or self.done or not self.walk then
    return nil, self.lost
  end
  local url, cursor = self.walk:url(), self.next_cursor
  local pending, outcome = self.inner().pending, nil
  -- one that is awaited already was a task's that is no more
  if pending and not pending.is_awaited then
    outcome = land(self, pending)
  end
  if self.walk and (not outcome or came_too_early(outcome.err)) then
    outcome = land(self, start(self))
  end
  if not self.walk then
    return nil  -- closed meanwhile
  elseif not outcome.page then
    if outcome.arrived then
      go_back(self, url, cursor)
    end
    return nil, outcome.err
  elseif outcome.raw_error then
    self.lost = answer.lost(outcome.raw_error, self.inner().source,
      outcome.page)
  end
  self.count = self.count + 1
  return outcome.page
end

--- The next page; `nil` at the end; `nil, err`. The page after it is asked
--- for as soon as this one is in.
function Pages:next()
  return self.lock:with(self.inner().source.settings.wait, next_page, self)
end

--- Asks for the page that comes next, if there is one. What cannot be asked
--- for yet is none of the present page's business.
function Pages:prefetch()
  if self.inner().source.settings.prefetch and not self.inner().pending and self.walk
      and not self.done and not self.lost then
    local ok, pending = pcall(start, self)
    if ok then
      self.inner().pending = pending
    elseif scheduler.is_interrupt(pending) then
      error(pending, 0)
    end
  end
end

--- The cursor of the page that comes next: give it as `page = {cursor = …}`
--- to go on from there, now or another day. `nil` means the beginning, or,
--- when `done` is true, that there is no more.
function Pages:cursor()
  return self.next_cursor
end

--- Ends the walk and gives up on what is under way. May be called twice.
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

--- The resources of all pages; `pick` makes of each what the walk gives.
---@param pages table  a walk from M.pages
---@param limit integer|nil  how many at most; no page is asked for in vain
---@param pick (fun(resource: table): any)|nil
function M.items(pages, limit, pick)
  pages.ahead = limit == nil  -- else it depends on how many a page has
  return setmetatable({
    lock = lock.new "a walk", count = 0, done = false, pages = pages,
    limit = limit or math.huge, pick = pick, list = {}, at = 0,
  }, Items)
end

-- The resources of a page; nil where there is something else in their place.
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
    return self.page  -- another task was before us
  end
  -- to go on from here is to ask for the page that comes next
  self.page_cursor = self.pages:cursor()
  local page, err = self.pages:next()
  if not page then
    self.done = self.pages.done
    return nil, err
  end
  local list = resources_of(page)
  if not list then
    return nil, answer.lost("the page's data are no resources",
      self.pages.inner().source, page)
  end
  self.page, self.list, self.at = page, list, 0
  if self.count + #list < self.limit then
    self.pages:prefetch()
  end
  return page
end

--- The next resource and its page; `nil` at the end; `nil, err`.
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

--- The cursor from which nothing is missed: the current page's while it has
--- resources left, the next one's after that. `nil` means the beginning, or,
--- when `done` is true, that there is no more.
function Items:cursor()
  if self.at < #self.list then
    return self.page_cursor
  end
  return self.pages:cursor()
end

--- Ends the walk and gives up on what is under way. May be called twice.
function Items:close()
  self.closed = true
  self.pages:close()
end

-- In a `for` loop nothing may end early in silence.
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

--- An iterator as a `for` loop takes it: a `break` closes it (Lua 5.4; where
--- there are no closing values the collector does).
function M.loop(iterator)
  return iterator, nil, nil, iterator
end

return M
