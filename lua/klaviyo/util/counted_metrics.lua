--- The metrics that Lua code counts. Those of requests and events are counted in the
--- core. Loaded by klaviyo.metrics alone: most programs count nothing.

local M = {}

---@class klaviyo.Counter
---@field name string
---@field type "counter"|"gauge"
---@field help string
---@field labels? string[]  names of its labels, at most two
---@field values? string[]  the values of its only label, which are 0 at first
---@field second_values? integer[]  values of its second label, for which there always is room: the first one is other
---@field scale? number  how many units of the memory are one of the metric
---@field scraped? boolean  a source has it, see `source`
---@field later? boolean  it is not there before `declare`

--- All of them.
---@type klaviyo.Counter[]
M.LIST = {
  {
    name = "klaviyo_events_total", type = "counter",
    help = "Events of events:track and outboxes, by what became of them.",
    labels = {"result"},
    values = {"tracked", "sent", "rejected", "failed", "refused"},
  },
  {
    name = "klaviyo_webhook_deliveries_total", type = "counter",
    help = "Webhook deliveries, by what became of them.",
    labels = {"result"},
    values = {"accepted", "duplicate", "rejected", "failed"},
  },
  {
    name = "klaviyo_oauth_refreshes_total", type = "counter",
    help = "Refreshes of OAuth tokens, by what became of them.",
    labels = {"result"},
    values = {"refreshed", "shared", "reauthorize", "failed"},
  },
  {
    name = "klaviyo_gateway_requests_total", type = "counter",
    help = "Requests to the gateway, by connection and status of the response.",
    labels = {"connection", "status"},
    second_values = {200, 201, 202, 204, 400, 401, 403, 404, 409, 421, 429, 499, 500,
      502, 503, 504},
  },
  {
    name = "klaviyo_gateway_wait_seconds_total", type = "counter",
    help = "Time that requests waited in the gateway for the rate limits.",
    labels = {"connection"}, scale = 1e6,
  },
  {
    name = "klaviyo_gateway_circuit_open", type = "gauge",
    help = "Whether the circuit breaker of a connection is open (1) or not (0); other: how many are.",
    labels = {"connection"},
  },
  {
    name = "klaviyo_outbox_rows", type = "gauge", scraped = true,
    help = "Events that wait in an outbox, in the files of all processes.",
    labels = {"path"},
  },
  {
    name = "klaviyo_outbox_bytes", type = "gauge", scraped = true,
    help = "Size of the files of an outbox.",
    labels = {"path"},
  },
  {
    name = "klaviyo_outbox_oldest_age_seconds", type = "gauge", scraped = true,
    help = "Time since the oldest event that waits in an outbox was tracked.",
    labels = {"path"},
  },
  {
    name = "klaviyo_stream_events_total", type = "counter", later = true,
    help = "Events of outboxes with a relay, by what this host did with them.",
    labels = {"result"},
    values = {"relayed", "read", "claimed", "acknowledged", "rejected"},
  },
  {
    name = "klaviyo_stream_length", type = "gauge", scraped = true,
    help = "Events in a stream, of all hosts.",
    labels = {"stream"},
  },
  {
    name = "klaviyo_stream_pending", type = "gauge", scraped = true,
    help = "Those of the events in a stream that senders have taken.",
    labels = {"stream"},
  },
  {
    name = "klaviyo_stream_oldest_age_seconds", type = "gauge", scraped = true,
    help = "Time since the oldest event in a stream was moved there.",
    labels = {"stream"},
  },
}

--- The same by their names.
M.BY_NAME = {}
for _, metric in ipairs(M.LIST) do
  M.BY_NAME[metric.name] = metric
end

return M
