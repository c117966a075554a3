--- Bulk imports: a source of any length becomes jobs, cut by count and by
--- bytes; each is seen through to its end, and every error comes back with the
--- caller's own record and its position.
---
---     local result, err = bulk.import(client, "profiles", source, {
---       list = id, journal = "import.journal", progress = print_it,
---     })
---
--- With a journal an import that was killed goes on where it was, provided
--- that the source gives the same records again; a digest of each chunk tells.

local client_settings = require "klaviyo.client_settings"
local chunks = require "klaviyo.bulk.chunks"
local journal = require "klaviyo.bulk.journal"
local kinds = require "klaviyo.bulk.kinds"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local packed = require "klaviyo.bulk.packed"
local records = require "klaviyo.bulk.records"
local submit = require "klaviyo.bulk.submit"
local tally = require "klaviyo.bulk.report"
local time = require "klaviyo.bulk.time"
local unique_id = require "klaviyo.request.unique_id"

local digest = lazy_require "klaviyo.digest"
local rate_limits = lazy_require "klaviyo.transport.rate_limits"
local phases = lazy_require "klaviyo.nginx.phases"
local secrets = lazy_require "klaviyo.auth.auth"

local M = {}

-- Chunks in progress at once, and seconds without progress.
local CONCURRENCY, STALL_TIMEOUT = 2, 3600

---@class klaviyo.BulkJournal
---@field path string  of the file, which only its owner can read
---@field finished? "refuse"|"restart"|"continue"|"retry"  what is done if the import by this journal
---  is finished: `"refuse"` (the default) raises; `"restart"` begins a new import; `"continue"` sends what the
---  source has gained at its end; `"retry"` sends that, and again the records that failed

---@class klaviyo.BulkOptions
---@field list? string  the list that it is for, of `profiles:import`, `bulk_subscribe`, `bulk_unsubscribe`
---@field custom_source? string  where the consent came from, of `bulk_subscribe`
---@field historical_import? boolean  the consent is of the past, of `bulk_subscribe`
---@field journal? string|klaviyo.BulkJournal  a file by which an import that was killed goes on where it was
---@field progress? fun(now: table)  told the counts so far, `done`, `total`, `elapsed`, `rate` (records a second)
---  and `left` (seconds)
---@field total? integer  how many records there are, where the source does not know
---@field concurrency? integer  chunks under way at once; default 2
---@field stall_timeout? number  seconds without progress, of a job or of a request that the rate limit refuses,
---  after which the import ends; default 3600
---@field batch_size? integer  records in a request; default and maximum: as many as the service allows
---@field batch_bytes? integer  size of a request; default and maximum: as many bytes as the service allows
---@field sleep? fun(seconds: number)  in place of `klaviyo.sleep`, for tests
---@field now? fun(): number  in place of the clock, for tests

local OPTIONS = {
  journal = "string or table", progress = "function", total = "number",
  concurrency = "number", stall_timeout = "number", batch_size = "number",
  batch_bytes = "number", sleep = "function", now = "function",
}

local FINISHED = {refuse = true, restart = true, continue = true, retry = true}
local JOURNAL = {path = true, finished = true}

-- The options of a journal; nil where there is none.
local function journal_options(given)
  if type(given) ~= "table" then
    return given and {path = given}
  end
  for name in pairs(given) do
    if not JOURNAL[name] then
      usage_error.unknown("option of a journal", name, JOURNAL)
    end
  end
  if type(given.path) ~= "string" then
    usage_error.raise("the path of a journal must be a string, not %s",
      type(given.path))
  elseif given.finished ~= nil and not FINISHED[given.finished] then
    usage_error.unknown("value of finished of a journal", given.finished, FINISHED)
  end
  return given
end

local function check(kind, options)
  local known = {}
  for name in pairs(OPTIONS) do
    known[name] = true
  end
  for name in pairs(kind.settings) do
    known[name] = true
  end
  for name, value in pairs(options) do
    if not known[name] then
      usage_error.unknown("option of a bulk import", name, known)
    elseif OPTIONS[name] and not OPTIONS[name]:find(type(value), 1, true) then
      usage_error.raise("%s must be a %s, not %s", name, OPTIONS[name],
        usage_error.kind(value))
    end
  end
  for _, name in ipairs {"concurrency", "batch_size", "batch_bytes", "total"} do
    if options[name] then
      usage_error.whole(name, options[name], name == "total" and 0 or 1)
    end
  end
  for _, name in ipairs {"batch_size", "batch_bytes"} do
    if options[name] and options[name] > kind[name] then
      usage_error.raise("%s must not exceed %d for %s, not %d", name,
        kind[name], kind.operation, options[name])
    end
  end
end

local function sum_of(text)
  return digest.sha256(text):sub(1, 16)
end

-- The digest of a record. One that JSON cannot hold is like any other such.
local function record_sum(record, position)
  local ok, text = pcall(packed.numbered, record, position)
  return ok and sum_of(text) or "-"
end

local function cutter(run, source, total, options)
  local kind, envelope = run.kind, run.envelope
  local batch_bytes = (options.batch_bytes or kind.batch_bytes)
    - #envelope.before - #envelope.after
  run.tally.total = run.tally.total or total
    or run.journal and run.journal.ending
  return chunks.new {
    next = source,
    encode = records.encoder(run.client, kind, run.seed),
    size = packed.size, store = packed.new,
    batch_size = options.batch_size or kind.batch_size,
    batch_bytes = batch_bytes,
    record_bytes = kind.record_bytes,
    sum = run.journal and record_sum,
    regions = run.journal and run.journal.regions,
    check = function(region, sums)
      run.journal:check(region, sums)
    end,
  }
end

local function begin(run, chunk)
  local region = chunk.region
  chunk.counts = tally.counts(region and region.left)
  chunk.jobs, chunk.failed, chunk.out = {}, {}, 0
  run.open[chunk] = true
  if region then
    chunk.id = region.id
    if region.only and not region.digest then
      run.journal:again(chunk)
    end
  elseif run.journal then
    chunk.id = run.journal:cut(chunk)
  end
  return chunk
end

-- A raised error ends the reading; what is under way is seen through, and
-- then it is raised.
local function guarded(run, call, ...)
  local ok, result, err = pcall(call, ...)
  if ok then
    return result, err
  end
  run.raised = run.raised or {result}
  return nil
end

local function next_chunk(run, cut)
  if run.stopped or run.raised then
    return nil
  end
  -- what the last ones took is let go of now, not when it has doubled
  if run.read >= 1000000 then
    run.read = 0
    collectgarbage()
  end
  local chunk = cut:next()
  if chunk then
    run.read = run.read + chunk.bytes
    return begin(run, chunk)
  elseif cut:short() then
    usage_error.raise("the journal %s is of another source: this one has only %d "
      .. "records (for a new import, take a new journal)", run.journal.path,
      cut.position)
  end
  run.tally.total = cut.position
  if run.journal then
    run.journal:finish(cut.position)
  end
end

local function settle(run, chunk)
  local ok, err = guarded(run, submit.settle, run, chunk)
  if ok == nil then
    run.stopped, run.err = true, run.err or err
  end
  return true
end

-- The one place where chunks run at the same time.
local function run_all(run, take, concurrency)
  local function work(chunk)
    return settle(run, chunk)
  end
  for _ in run.client:map(take, work, {concurrency = concurrency}) do end  -- luacheck: ignore 542
end

-- Where the requests go, and whose they are. The key itself is not kept.
local function identity_of(run, kind_name, seed)
  local settings = client_settings.of(run.client)
  if settings.access_token and not settings.rate_limit_key then
    usage_error.raise("a journal has to know whose import it is: with "
      .. "access_token, set rate_limit_key = … (a token changes)")
  end
  local secret = settings.rate_limit_key or secrets.of(settings)
  return {
    kind = kind_name, seed = seed,
    service = settings.base_url:gsub("^(%a+://)[^/]*@", "%1"),
    account = digest.sha256(rate_limits.account(settings, secret)):sub(1, 32),
    into = sum_of(run.envelope.before .. run.envelope.after),
  }
end

local function open_journal(run, kind_name, options)
  run.seed = unique_id.new()
  if options then
    run.journal = journal.open(options.path,
      identity_of(run, kind_name, run.seed), options.finished)
    run.seed = run.journal.seed
  end
end

-- What a former run had settled.
local function resume(run)
  for _, region in ipairs(run.journal and run.journal.regions or {}) do
    local counts = region.closed and region.counts or region.left
    if counts then
      run.tally:resume(counts)
    end
  end
end

-- What was under way when it ended may have been worked off or not.
local function result_of(run)
  for chunk in pairs(run.open) do
    run.tally:add(chunk, "unknown", chunk.out)
  end
  return run.tally:result()
end

--- Brings a source into the account.
---
--- `source` is a list, or a function (or what can be called) that gives one
--- record at a time and `nil` at the end. A record is a flat table, as the
--- operation for one takes it, or a whole resource.
---
--- Gives the result, also when records failed; `nil, err` when it could not go
--- on, with what had been done in `err.result`. Raises what the source raises.
---@param client klaviyo.Client
---@param kind_name string  of kinds.lua
---@param source table|function
---@param options klaviyo.BulkOptions|nil
---@return klaviyo.BulkResult|nil
---@return klaviyo.Error|nil
function M.import(client, kind_name, source, options)
  local kind = kinds[kind_name]
  if not kind then
    usage_error.unknown("kind of bulk import", kind_name, kinds)
  end
  options = options or {}
  check(kind, options)
  if type(ngx) == "table" then
    phases.must_wait()  -- before a journal is begun
  end
  local read, total = chunks.reader(source)
  local run = {
    client = client, kind = kind, open = {}, refused_in_a_row = 0, read = 0,
    envelope = records.envelope(client, kind, options),
    sleep = options.sleep or time.sleep, now = options.now or time.now,
    stall_timeout = options.stall_timeout or STALL_TIMEOUT,
  }
  open_journal(run, kind_name, journal_options(options.journal))
  run.tally = tally.new {total = options.total, journal = run.journal,
    progress = options.progress, now = run.now}
  resume(run)
  local cut = cutter(run, read, total, options)
  run_all(run, function()
    return guarded(run, next_chunk, run, cut)
  end, options.concurrency or CONCURRENCY)
  local result = result_of(run)
  if run.journal then
    run.journal:close()
  end
  if run.raised then
    error(run.raised[1], 0)
  elseif run.err then
    run.err.result = result
    return nil, run.err
  end
  return result
end

return M
