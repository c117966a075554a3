--- Reads the pages of an export into its store: one part after another, or several
--- windows of time at once.

local klaviyo = require "klaviyo"

local windows = require "klaviyo.cli.export.windows"

local M = {}

local TICK = 0.1

-- The number of windows that may be read before the first unfinished one is joined.
local MAX_AHEAD = 32

---@class klaviyo.cli.Download
---@field failure klaviyo.Error|{message: string}|nil  what ended it
local Download = {}
Download.__index = Download

--- Returns a download.
---@param client klaviyo.Client
---@param plan klaviyo.cli.ExportPlan
---@param store klaviyo.cli.Store
---@param progress klaviyo.cli.Progress
---@return klaviyo.cli.Download
function M.new(client, plan, store, progress)
  return setmetatable({
    client = client, plan = plan, store = store, progress = progress,
    pages = 0, tasks = {}, iterators = {}, next_number = store.state.joined + 1,
  }, Download)
end

local function cancel_all(self)
  for _, task in ipairs(self.tasks) do
    task:cancel()
  end
end

-- Ends all tasks because of an error: in a task of its own, which runs when this
-- one has ended.
local function fail(self, err)
  self.failure = self.failure or err
  klaviyo.spawn(cancel_all, self)
end

local function fail_file(self, message)
  fail(self, {message = message, is_file = true})
end

local function count_page(self)
  self.pages = self.pages + 1
  local state = self.store.state
  self.progress:update(self.store:count(), {
    pages = self.pages,
    detail = state.windows and ("%d/%d windows"):format(state.joined,
      state.windows.count) or nil,
  })
end

--- Returns the arguments of the requests.
---@param plan klaviyo.cli.ExportPlan
---@param span table|nil  windows of time
---@param number integer  of the window
---@param cursor string|nil
---@return table
function M.arguments(plan, span, number, cursor)
  local args = {}
  for name, value in pairs(plan.args) do
    args[name] = value
  end
  if span then
    args.filter = windows.filter(span, number, args.filter)
    args.sort = "datetime"
  end
  if cursor then
    args.page = {cursor = cursor}
  end
  return args
end

-- Returns true if the service refuses a cursor.
local function refuses_cursor(err)
  local first = err.status == 400 and err.errors and err.errors[1]
  local source = first and first.source
  local where = type(source) == "table"
    and tostring(source.parameter or source.pointer) or ""
  return first and (where:find("cursor", 1, true)
    or tostring(first.detail):lower():find("cursor", 1, true)) ~= nil
end

-- Reads the pages of a part. Returns true, or nil and an error.
local function read_pages(self, number, job)
  local store, plan = self.store, self.plan
  local pages = self.client:pages(plan.operation, M.arguments(plan,
    store.state.windows, number, job.cursor))
  self.iterators[number] = pages
  while true do
    local page, err = pages:next()
    if err then
      return nil, err
    elseif not page then
      break
    end
    local text, count = plan:text_of(page, plan.limit
      and plan.limit - job.count)
    local ok, why = store:add(job, text, count, not pages.done
      and pages:cursor() or nil)
    if not ok then
      return nil, {message = why, is_file = true}
    end
    count_page(self)
    if plan.limit and job.count >= plan.limit then
      break
    end
  end
  pages:close()
  self.iterators[number] = nil
  return true
end

local function read_part(self, number)
  local store = self.store
  local job, why = store:open(number)
  if job and number == 1 and job.part.size == 0 then
    local ok
    -- also without a header: a compressed file without records has a member
    ok, why = job.part:write(self.plan.header or "")
    job = ok and job
  end
  if not job then
    return fail_file(self, why)
  end
  local cursor = job.cursor
  local ok, err = true, nil
  if not job.done then
    ok, err = read_pages(self, number, job)
  end
  if not ok and cursor and job.cursor == cursor and not err.is_file
      and refuses_cursor(err) then
    if not store.state.windows then
      err.is_expired = true
      return fail(self, err)
    end
    self.progress.context:note(("the cursor of window %d is not valid any more: "
      .. "it is read again from its beginning"):format(number))
    job, why = store:reopen(number)
    if not job then
      return fail_file(self, why)
    end
    return read_part(self, number)
  elseif not ok then
    return fail(self, err)
  end
  ok, why = store:finish_part(number)
  if not ok then
    return fail_file(self, why)
  end
end

-- Takes one window after another.
local function work(self)
  local store = self.store
  local count = store.state.windows and store.state.windows.count or 1
  while not self.failure and self.next_number <= count do
    if self.next_number > store.state.joined + MAX_AHEAD then
      klaviyo.sleep(TICK)
    else
      local number = self.next_number
      self.next_number = number + 1
      read_part(self, number)
    end
  end
end

-- Draws the progress and commits, until the other tasks are done.
local function tick(self)
  while not self.failure do
    klaviyo.sleep(TICK)
    self.progress:tick()
    local ok, why = self.store:commit_if_due()
    if not ok then
      fail_file(self, why)
    end
  end
end

local function wait_for(self, task)
  local ok, err = pcall(task.wait, task)
  if not ok and not self.failure then
    error(err, 0)
  end
end

local function run(self, concurrency)
  local ticker = klaviyo.spawn(tick, self)
  for i = 1, concurrency do
    self.tasks[i] = klaviyo.spawn(work, self)
  end
  for _, task in ipairs(self.tasks) do
    wait_for(self, task)
  end
  if not ticker.done then
    ticker:cancel()
  end
end

--- Reads all. Returns true, or nil and what failed. Raises an interrupt.
---@param concurrency integer  how many windows are read at once
---@return true|nil
---@return klaviyo.Error|{message: string}|nil err
function Download:run(concurrency)
  local ok, err = pcall(klaviyo.run, run, self,
    self.store.state.windows and concurrency or 1)
  for _, iterator in pairs(self.iterators) do
    iterator:close()
  end
  if not ok and not self.failure then
    error(err, 0)
  elseif self.failure then
    return nil, self.failure
  end
  return true
end

return M
