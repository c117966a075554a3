--- Iterates over the pages of a collection, and over the resources in them.
---
--- One page is in memory at a time. An iterator may be called by a `for`
--- loop, which raises the error object of a failure, or by hand: `it:next()`
--- returns a value, `nil` at the end, or `nil, err` (call it again to retry that
--- page).

local call = require "klaviyo.call"
local core = require "klaviyo.core"
local json = require "klaviyo.values.json"
local lock = require "klaviyo.tasks.lock"
local query = require "klaviyo.request.query"
local responses = require "klaviyo.response.response"
local scheduler = require "klaviyo.tasks.scheduler"
local transport = require "klaviyo.transport.transport"
local usage_error = require "klaviyo.util.usage_error"
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
  broken = "links.next is not a link that can be followed: ",
  foreign = "links.next leads to another host and was not followed: ",
  repeated = "links.next leads back to an earlier page: ",
}

-- Returns the next link of a document: nil if it has none, or false if it has a value
-- that is not a link.
local function link_of(page)
  if type(page.links) ~= "table" then
    return nil
  end
  local link = page.links.next
  if type(link) == "table" then
    link = link.href
  end
  if link == nil or link == json.null then
    return nil
  end
  return type(link) == "string" and link
end

-- Follows the next link of a page: of the document, if there is one already, or
-- else in the bytes of the page.
local function follow(self, body, page)
  local more, why, link
  if page then
    link = link_of(page)
    if link == false then
      return WHY.broken .. "it is not a string"
    end
    more, why, link = self.links:follow_link(link)
  elseif body ~= "" then
    more, why, link = self.links:follow(body)
  end
  if more then
    self.next_cursor = self.links:cursor()
  elseif not why then
    self.done, self.next_cursor = true, nil
  end
  return why and WHY[why] .. link
end

-- Returns to a page that was received, but cannot be decoded.
local function go_back(self, inner, url, cursor)
  if inner.pending then
    transport.cancel(inner.pending)
    inner.pending = nil
  end
  self.links:close()
  self.links = core.pages(inner.settings.base_url, url)
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
local function next_request(self, inner)
  local request, op = inner.request, inner.op
  if not (op.page and op.page.style == "body") then
    request.url = self.links:url()
  elseif self.next_cursor then
    local document = request.document
    local data = document.data
    request.body = json.encode(with(document, "data", with(data, "attributes",
      with(data.attributes, "page_cursor", self.next_cursor))))
  end
  return request
end

local function submit(self, inner)
  return transport.submit(inner.settings, next_request(self, inner), inner.op)
end

-- Requests the next page, if there is one. An error here does not affect the
-- current page.
local function prefetch(self, inner)
  if not inner.settings.prefetch or inner.pending or not self.links or self.done
      or self.lost then
    return
  end
  local ok, pending = pcall(submit, self, inner)
  if ok then
    inner.pending = pending
  elseif scheduler.is_interrupt(pending) then
    error(pending, 0)
  end
end

-- Waits for a page, follows its link, requests the page after it, and then
-- decodes the page. If most members are not wanted it is decoded first: that takes
-- no longer than to find the link in the bytes. Returns the page, or nil and the
-- error; whether its link was followed; and why the link cannot be followed.
local function read_page(self, inner, pending)
  inner.pending = pending
  local ok, response, raw_error = pcall(transport.await, pending)
  if inner.pending == pending then
    inner.pending = nil
  end
  if not ok then
    error(response, 0)
  end
  inner.bytes = response and response.bytes
  local page, err
  local decodes_first = pending.request.paths ~= nil
  if decodes_first then
    page, err = transport.read(pending, response, raw_error)
  end
  local is_followed, link_error = false, nil
  if response and response.status >= 200 and response.status < 300
      and (page or not decodes_first) then
    is_followed = true
    link_error = self.links and follow(self, response.bytes or "", page)
    if self.prefetches and not link_error
        and not (self.limit and self.count + 1 >= self.limit) then
      prefetch(self, inner)
    end
  end
  if not decodes_first then
    page, err = transport.read(pending, response, raw_error)
  end
  -- The path of a relationship to one resource ends in a singular: its page may
  -- have {"data": null}. A collection always has a list.
  if page and (page.data == nil
      or page.data == json.null and pending.op.path:find("s$")) then
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
local function next_page(self, inner)
  if inner.bytes then
    inner.bytes:free()  -- those of the page that was returned last
  end
  if self.limit and self.count >= self.limit then
    self:close()
  end
  if self.lost or self.done or not self.links then
    return nil, self.lost
  end
  local url, cursor = self.links:url(), self.next_cursor
  local pending = inner.pending
  local page, err, is_followed, link_error
  -- if it is awaited already, the task that waited for it was cancelled
  if pending and not pending.is_awaited then
    page, err, is_followed, link_error = read_page(self, inner, pending)
  end
  if self.links and not page and (not err or prefetch_expired(err)) then
    page, err, is_followed, link_error = read_page(self, inner, submit(self, inner))
  end
  if not self.links then
    return nil  -- closed meanwhile
  elseif not page then
    if is_followed then
      go_back(self, inner, url, cursor)
    end
    return nil, err
  elseif link_error then
    self.lost = responses.lost(link_error, inner, page)
  end
  self.count = self.count + 1
  return page
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

local function not_resources(inner, page)
  return responses.lost("the page's data are not resources", inner, page)
end

--- Returns the next page; `nil` at the end; or `nil, err`. The page after it is
--- requested as soon as this one is received.
function Pages:next()
  local inner = self.inner()
  local page, err = self.lock:with(inner.settings.wait, next_page, self, inner)
  -- the pages of a POST are results, which have no ids
  if page and inner.op.method == "GET" and not resources_of(page) then
    return nil, not_resources(inner, page)
  end
  return page, err
end

--- Requests the next page, if there is one. An error here does not affect the
--- current page.
function Pages:prefetch()
  prefetch(self, self.inner())
end

--- Returns the cursor of the next page. Pass it as `page = {cursor = …}` to
--- continue from there, now or later. `nil` means the first page or, if `done`
--- is true, that all pages have been returned.
function Pages:cursor()
  return self.next_cursor
end

--- Ends the iteration and cancels the request in progress. May be called twice.
function Pages:close()
  local inner = self.inner()
  if inner.pending then
    transport.cancel(inner.pending)
    inner.pending = nil
  end
  if self.links then
    self.links:close()
    self.links = nil
  end
  if inner.bytes then
    inner.bytes:free()
  end
end

---@class klaviyo.Items: klaviyo.Iterator
local Items = {}
Items.__index = Items
Items.__name = "klaviyo.Items"

-- Sets the page whose resources are returned next. Returns false if its data are
-- not resources.
local function set_page(self, inner, page)
  local size
  if self.resources then
    page.data = nil  -- the decoder put them into self.resources
    size = self.resources:count()
    self.bytes = inner.bytes
  else
    local list = resources_of(page)
    size = list and #list
    self.list = list
  end
  self.page, self.size, self.at = page, size or 0, 0
  self.last = math.min(self.size, self.limit - self.count)
  return size ~= nil
end

local function turn_page(self, inner)
  if self.at < self.last then
    return self.page  -- another task turned the page
  end
  local pages = self.pages
  -- to continue from here is to request the next page
  self.page_cursor = pages.next_cursor
  -- the collector can take this page while the next one is built
  self.page, self.list, self.size, self.last, self.at = nil, nil, 0, 0, 0
  local page, err = next_page(pages, inner)
  if not page then
    self.done = pages.done
    return nil, err
  end
  if not set_page(self, inner, page) then
    return nil, not_resources(inner, page)
  end
  if not pages.prefetches and self.count + self.size < self.limit then
    prefetch(pages, inner)
  end
  return page
end

-- Turns to a page with resources. Returns false at the end, or nil and an error.
local function find_page(self)
  while self.at >= self.last do
    local pages = self.pages
    if self.count >= self.limit then
      self:close()
    end
    if self.closed then
      return false
    elseif pages.done and not pages.lost then
      self.done, self.page_cursor = true, nil
      return false
    end
    local inner = pages.inner()
    local page, err = pages.lock:with(inner.settings.wait, turn_page, self, inner)
    if err then
      return nil, err
    elseif not page then
      return false
    end
  end
  return true
end

-- Returns the next resource of the page.
local function advance(self)
  local at = self.at + 1
  self.at, self.count = at, self.count + 1
  if self.resources then
    local text, id, type = self.resources:get(self.bytes, at)
    return text, id, type, self.page
  end
  local resource = self.list[at]
  if self.pick then
    return self.pick(resource), resource, self.page
  end
  return resource, self.page
end

--- Returns the next resource and its page; `nil` at the end; or `nil, err`. Raw
--- resources are returned as text, id, type and page.
function Items:next()
  if self.at >= self.last then
    local found, err = find_page(self)
    if not found then
      return nil, err
    end
  end
  return advance(self)
end

--- Returns the cursor from which no resource is skipped: that of the current
--- page while it has resources left, then that of the next one. `nil` means the
--- first page or, if `done` is true, that all resources have been returned.
function Items:cursor()
  if self.at < self.size then
    return self.page_cursor
  end
  return self.pages:cursor()
end

--- Ends the iteration and cancels the request in progress. May be called twice.
function Items:close()
  self.closed, self.last = true, 0
  self.pages:close()
end

-- A `for` loop must not end early without an error.
local function next_or_raise(self)
  local value, err = self:next()
  if value == nil and err ~= nil then
    warning.log_raised(err)
    error(err, 0)
  end
  return value
end

-- Most calls need no other page: this saves 5 % of the cost of a raw page.
local function item_or_raise(self)
  if self.at >= self.last then
    local found, err = find_page(self)
    if found == nil then
      warning.log_raised(err)
      error(err, 0)
    elseif not found then
      return nil
    end
  end
  return advance(self)
end

Pages.__call, Pages.__close = next_or_raise, Pages.close
Items.__call, Items.__close = item_or_raise, Items.close

-- An iterator requests the largest pages unless the arguments name a size.
local function add_size(args, size)
  local page = args.page
  if not size or page ~= nil and (type(page) ~= "table" or page.size) then
    return
  end
  args.page = {size = size}
  for key, value in pairs(page or {}) do
    args.page[key] = value
  end
end

-- Returns whether the resources stay as they were received.
local function is_raw(op, args)
  local raw = args.raw
  if raw ~= nil and type(raw) ~= "boolean" then
    usage_error.raise("raw must be true or false, not %s", usage_error.shown(raw))
  elseif raw and args.only ~= nil then
    usage_error.raise("%s: raw resources have all their members; pass either raw "
      .. "or only", op.id)
  end
  return raw
end

-- Returns the arguments of the requests, the limit of the iterator, and whether
-- its resources are raw.
local function arguments(op, api, args)
  if args ~= nil and type(args) ~= "table" then
    usage_error.raise("the arguments of %s must be a table, not %s", op.id,
      usage_error.kind(args))
  end
  local own = {}
  for key, value in pairs(args or own) do
    own[key] = value
  end
  local limit = own.limit
  if limit ~= nil then
    usage_error.whole("limit", limit, 0)
  end
  local raw = is_raw(op, own)
  own.limit, own.raw = nil, nil
  add_size(own, query.largest_size(op, api, own))
  return own, limit, raw
end

local function open(settings, api, op, args)
  if op.method ~= "GET" and not op.page then
    usage_error.raise("%s has no pages", op.id)
  end
  local own, limit, raw = arguments(op, api, args)
  local request
  request, settings = call.prepare(settings, api, op, own)
  request.is_page = true
  if raw then
    request.paths, request.is_raw = json.raw_paths {"data", "included"}, true
  end
  local links = core.pages(settings.base_url, request.url)
  local inner = {settings = settings, request = request, op = op, pending = nil}
  return setmetatable({
    lock = lock.new "an iterator",
    count = 0,
    done = false,
    prefetches = true,
    -- a function, so that a program that prints an iterator does not print the key
    inner = function()
      return inner
    end,
    links = links,
    next_cursor = links:cursor(),
  }, Pages), limit, raw
end

-- Returns an iterator as a `for` loop takes it. A `break` closes it in Lua 5.4
-- and 5.5. Lua 5.3 and LuaJIT have no closing values: there the collector does.
local function loop(iterator)
  return iterator, nil, nil, iterator
end

-- Iterates over the resources of all pages. `pick` maps each to the value that is
-- returned. No page is requested needlessly.
local function items(settings, api, op, args, pick)
  local pages, limit, raw = open(settings, api, op, args)
  if raw and pick then
    usage_error.raise("%s: raw is an argument of each and pages, not of ids", op.id)
  end
  pages.prefetches = limit == nil  -- else turn_page decides
  local resources = nil
  if raw then
    local request = pages.inner().request
    resources = core.resources()
    request.paths, request.resources = json.raw_paths {"included"}, resources
  end
  return loop(setmetatable({
    count = 0, done = false, pages = pages, limit = limit or math.huge,
    pick = pick, resources = resources, size = 0, last = 0, at = 0,
  }, Items))
end

--- Iterates over all pages of a collection, as documents.
---@param settings klaviyo.Settings
---@param api klaviyo.Api
---@param op table  the record of the operation
---@param args table|nil  as for a call; `limit` is the maximum of pages; with
--- `raw`, resources are tables of id, type and text
---@return klaviyo.Iterator
function M.pages(settings, api, op, args)
  local pages, limit = open(settings, api, op, args)
  pages.limit = limit
  return loop(pages)
end

--- Iterates over all resources of all pages, and the page of each.
---@param args table|nil  as for a call; `limit` is the maximum of resources; with
--- `raw`, it returns the text, id, type and page of each, and the page has no data
---@return klaviyo.Items
function M.each(settings, api, op, args)
  return items(settings, api, op, args)
end

local function id_of(identifier)
  return identifier.id
end

--- Iterates over the ids of all resources of all pages, and the resource of each.
---@return klaviyo.Items
function M.ids(settings, api, op, args)
  return items(settings, api, op, args, id_of)
end

return M
