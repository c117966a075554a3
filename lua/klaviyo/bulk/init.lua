--- Bulk imports: divides a source of any length into jobs, by the number and
--- the size of the records, watches each job to its end, and returns every
--- error with the caller's own record and its position.
---
---     local result, err = bulk.import(client, "profiles", source, {
---       list = id, journal = "import.journal", progress = print_it,
---     })
---
--- With a journal, an import that was killed can be continued, provided that
--- the source returns the same records again; a digest of each chunk shows it.

local client_settings = require "klaviyo.client_settings"
local checker = require "klaviyo.util.options"
local chunks = require "klaviyo.bulk.chunks"
local journal = require "klaviyo.bulk.journal"
local kinds = require "klaviyo.bulk.kinds"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local packed = require "klaviyo.bulk.packed"
local records = require "klaviyo.bulk.records"
local splitter = require "klaviyo.bulk.splitter"
local submit = require "klaviyo.bulk.submit"
local report = require "klaviyo.bulk.report"
local time = require "klaviyo.bulk.time"
local unique_id = require "klaviyo.request.unique_id"

local digest = lazy_require "klaviyo.digest"
local rate_limits = lazy_require "klaviyo.transport.rate_limits"
local phases = lazy_require "klaviyo.nginx.phases"
local secrets = lazy_require "klaviyo.auth.auth"

local M = {}

---@class klaviyo.BulkJournal
---@field path string  of the file, which only its owner can read
---@field finished? "refuse"|"restart"|"continue"|"retry"  what to do if the import of this journal
---  is finished: `"refuse"` (the default) raises; `"restart"` begins a new import; `"continue"` sends the records
---  added at the end of the source; `"retry"` sends those, and again the records that failed

---@class klaviyo.BulkOptions
---@field list? string  id of the list, for `profiles:import`, `bulk_subscribe`, `bulk_unsubscribe`
---@field custom_source? string  where the consent was given, for `bulk_subscribe`
---@field historical_import? boolean  whether the consent was given in the past, for `bulk_subscribe`
---@field journal? string|klaviyo.BulkJournal  a file that lets an import that was killed be continued
---@field progress? fun(now: table)  called with the counts so far, `done`, `total`, `elapsed`, `rate` (records per
---  second) and `left` (seconds)
---@field total? integer  number of records, if the source does not know it
---@field concurrency? integer  chunks in progress at once; default 2
---@field stall_timeout? number  seconds without progress, of a job or of a request that the rate limit refuses,
---  after which the import ends; default 3600
---@field batch_size? integer  records in a request; default and maximum: as many as the service allows
---@field batch_bytes? integer  size of a request; default and maximum: as many bytes as the service allows
---@field sleep? fun(seconds: number)  replaces `klaviyo.sleep`, for tests
---@field now? fun(): number  replaces the clock, for tests

local FUNCTION = {type = "function"}

local FIELDS = {
  journal = {type = {"text", "table"}, expected = "a path or a table", fields = {
    path = {type = "text", required = true},
    finished = {one_of = {"refuse", "restart", "continue", "retry"},
      default = "refuse"},
  }},
  progress = FUNCTION,
  total = {type = "integer", min = 0},
  concurrency = {type = "integer", min = 1, default = 2},
  stall_timeout = {type = "number", unit = "seconds", min = 0, infinite = true,
    default = 3600},
  sleep = FUNCTION,
  now = FUNCTION,
}

-- Returns what an import of a kind takes. The document builder checks the
-- settings of the kind.
local function fields_of(kind)
  local fields = {
    batch_size = {type = "integer", min = 1, max = kind.batch_size},
    batch_bytes = {type = "integer", min = 1, max = kind.batch_bytes},
  }
  for name, rule in pairs(FIELDS) do
    fields[name] = rule
  end
  for name in pairs(kind.settings) do
    fields[name] = {}
  end
  return fields
end

local function sum_of(text)
  return digest.sha256(text):sub(1, 16)
end

-- Returns the digest of a record. All records that JSON cannot hold have the
-- same one.
local function record_sum(record, position)
  local ok, text = pcall(packed.numbered, record, position)
  return ok and sum_of(text) or "-"
end

local function new_chunker(run, source, total, options)
  local kind, envelope = run.kind, run.envelope
  local batch_bytes = (options.batch_bytes or kind.batch_bytes)
    - #envelope.before - #envelope.after
  run.report.total = run.report.total or total
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
  chunk.counts = report.counts(region and region.left)
  chunk.jobs, chunk.failed, chunk.out = {}, {}, 0
  run.open[chunk] = true
  if region then
    chunk.id = region.id
    if region.only and not region.digest then
      run.journal:reopen_chunk(chunk)
    end
  elseif run.journal then
    chunk.id = run.journal:begin_chunk(chunk)
  end
  return chunk
end

-- Calls a function. If it raises, no more records are read, the chunks in
-- progress are finished, and then the error is raised.
local function guarded(run, call, ...)
  local ok, result, err = pcall(call, ...)
  if ok then
    return result, err
  end
  run.raised = run.raised or {result}
  return nil
end

local function next_chunk(run, chunker)
  if run.stopped or run.raised then
    return nil
  end
  -- frees the memory of the last chunks now, not when it has doubled
  if run.read >= 1000000 then
    run.read = 0
    collectgarbage()
  end
  local chunk = chunker:next()
  if chunk then
    run.read = run.read + chunk.bytes
    return begin(run, chunk)
  elseif chunker:short() then
    usage_error.raise("the journal %s belongs to another source: this source has "
      .. "only %d records (use a new journal for a new import)", run.journal.path,
      chunker.position)
  end
  run.report.total = chunker.position
  if run.journal then
    run.journal:finish(chunker.position)
  end
end

local function process(run, chunk)
  local ok, err = guarded(run, submit.process, run, chunk)
  if ok == nil then
    run.stopped, run.err = true, run.err or err
  end
  return true
end

-- Processes the chunks, `concurrency` of them at the same time.
local function run_all(run, take, concurrency)
  local function work(chunk)
    return process(run, chunk)
  end
  for _ in run.client:map(take, work, {concurrency = concurrency}) do end  -- luacheck: ignore 542
end

-- Returns what identifies an import: the service, the account and the target.
-- The journal has a hash of the key, not the key.
local function identity_of(run, kind_name, seed)
  local settings = client_settings.of(run.client)
  if settings.access_token and not settings.rate_limit_key then
    usage_error.raise("a journal needs the setting rate_limit_key together with "
      .. "access_token, because a token changes: set rate_limit_key = …")
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
    options = type(options) == "table" and options or {path = options}
    run.journal = journal.open(options.path,
      identity_of(run, kind_name, run.seed), options.finished)
    run.seed = run.journal.seed
  end
end

-- Counts what a former run finished.
local function resume(run)
  for _, region in ipairs(run.journal and run.journal.regions or {}) do
    local counts = region.closed and region.counts or region.left
    if counts then
      run.report:resume(counts)
    end
  end
end

-- Returns the result. Records that were in progress when the import ended are
-- unknown: the service may have processed them.
local function result_of(run)
  for chunk in pairs(run.open) do
    run.report:add(chunk, "unknown", chunk.out)
  end
  return run.report:result()
end

--- Imports a source into the account.
---
--- `source` is a list, or a function (or another callable value) that returns
--- one record at a time and `nil` at the end. A record is a flat table, as the
--- operation for one record takes it, or a whole resource.
---
--- Returns the result, also if records failed; or `nil, err` if the import could
--- not go on, with the result so far in `err.result`. Raises what the source
--- raises.
---@param client klaviyo.Client
---@param kind_name string  a key of kinds.lua
---@param source table|function
---@param options klaviyo.BulkOptions|nil
---@return klaviyo.BulkResult|nil
---@return klaviyo.Error|nil
function M.import(client, kind_name, source, options)
  local kind = kinds[kind_name]
  if not kind then
    usage_error.unknown("kind of bulk import", kind_name, kinds)
  end
  options = checker.check(fields_of(kind), options, kind.operation)
  if type(ngx) == "table" then
    phases.must_wait()  -- before a journal is begun
  end
  local read, total = chunks.iterator(source)
  local run = {
    client = client, kind = kind, open = {}, splitter = splitter.new(), read = 0,
    envelope = records.envelope(client, kind, options),
    sleep = options.sleep or time.sleep, now = options.now or time.now,
    stall_timeout = options.stall_timeout,
  }
  open_journal(run, kind_name, options.journal)
  run.report = report.new {total = options.total, journal = run.journal,
    progress = options.progress, now = run.now}
  resume(run)
  local chunker = new_chunker(run, read, total, options)
  run_all(run, function()
    return guarded(run, next_chunk, run, chunker)
  end, options.concurrency)
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
