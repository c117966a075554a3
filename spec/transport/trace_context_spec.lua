-- Which traceparent and tracestate are valid, and which are sent.
local trace_context = require "klaviyo.transport.trace_context"

local TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
local SPAN_ID = "b7ad6b7169203331"
local PARENT = ("00-%s-%s-01"):format(TRACE_ID, SPAN_ID)

local function settings(more)
  local values = { headers = {} }
  for name, value in pairs(more or {}) do
    values[name] = value
  end
  return values
end

describe("a traceparent", function()
  it("is parsed", function()
    assert.same({ TRACE_ID, SPAN_ID, "01" }, { trace_context.parse(PARENT) })
    assert.same({ TRACE_ID, SPAN_ID, "00" }, { trace_context.parse((PARENT:gsub("01$", "00"))) })
  end)

  it("is refused unless it is valid", function()
    local wrong = {
      "", "00", PARENT .. "-", PARENT .. "0", " " .. PARENT, PARENT .. " ", PARENT:upper(), "01" .. PARENT:sub(3),
      "ff" .. PARENT:sub(3), "0" .. PARENT, PARENT:sub(1, 54), PARENT:gsub("%-", "_"), PARENT:gsub("a", "g"),
      PARENT:gsub(TRACE_ID, ("0"):rep(32)), PARENT:gsub(SPAN_ID, ("0"):rep(16)), PARENT:gsub("01$", "0x"),
      PARENT:gsub("01$", "0\n"), PARENT:gsub("01$", "0\0"), PARENT .. "\r\nX: y",
      ("00-%s-%s-01"):format(TRACE_ID .. "a", SPAN_ID:sub(2)), PARENT .. ", " .. PARENT, 7, true, {},
    }
    for i, text in ipairs(wrong) do
      assert.is_nil(trace_context.parse(text), ("%d: %s"):format(i, tostring(text)))
      if type(text) == "string" then
        assert.is_nil(trace_context.of(settings { traceparent = text }), text)
      end
    end
    assert.is_nil(trace_context.parse(nil))
  end)
end)

describe("a tracestate", function()
  it("is sent without blanks", function()
    for text, expected in pairs {
      ["rojo=00f067aa0ba902b7"] = true, ["a=1,b=2"] = true, [" a=1 ,\tb=2,, c=3"] = "a=1,b=2,c=3",
      ["tenant@vendor=x y~"] = true, ["1a@v=!#$%&'()*+-./:;<>?@[]^_`{|}~"] = true, ["a*/-_0=1"] = true,
      ["a= 1"] = true,
    } do
      assert.equal(expected == true and text or expected, trace_context.state(text))
    end
  end)

  it("is dropped if it is empty or invalid", function()
    local many = {}
    for i = 1, 33 do
      many[i] = "k" .. i .. "=1"
    end
    for _, text in ipairs { "", ",", "a", "a=", "=1", "A=1", "1a=1", "a=1;b=2\n", "a=1\r\nX: y", "a=\0", "a=é", "a=1=2",
      "a=1,a=2", "a b=1", "a@B=1", "a@b@c=1", "@a=1", "a=" .. ("x"):rep(257), ("k"):rep(257) .. "=1",
      table.concat(many, ","), ("a=1,"):rep(129), 7 } do
      assert.is_nil(trace_context.state(text), tostring(text))
    end
    assert.is_nil(trace_context.state(nil))
    assert.is_string(trace_context.state(table.concat(many, ",", 1, 32)))
  end)
end)

describe("the trace of a call", function()
  it("is that of the setting, as it is if nothing is reported", function()
    local trace = trace_context.of(settings { traceparent = PARENT, tracestate = "a=1" })
    assert.same({ PARENT, "a=1", nil }, { trace.traceparent, trace.tracestate, trace.seed })
  end)

  it("keeps the traceparent if the tracestate is invalid", function()
    local trace = trace_context.of(settings { traceparent = PARENT, tracestate = "?" })
    assert.same({ PARENT }, { trace.traceparent, trace.tracestate })
  end)

  it("comes from a function, with both values", function()
    local trace = trace_context.of(settings { traceparent = function() return PARENT, "b=2" end })
    assert.same({ PARENT, "b=2" }, { trace.traceparent, trace.tracestate })
    assert.is_nil(trace_context.of(settings { traceparent = function() end }))
  end)

  it("is a new one for spans, and none for a log", function()
    local ids = {}
    for i = 1, 2 do
      local trace = trace_context.of(settings { on_span = print })
      assert.matches("^00%-%x+%-0000000000000000%-01$", trace.traceparent)
      assert.is_truthy(trace_context.parse((trace.traceparent:gsub(("0"):rep(16), SPAN_ID))))
      assert.is_nil(trace.parent_span_id)
      ids[i] = trace.trace_id
    end
    assert.not_equal(ids[1], ids[2])
    local trace = trace_context.of(settings { log = "json" })
    assert.same({}, { trace.trace_id, trace.traceparent })
    assert.equal(8, #trace.seed)
  end)

  it("is not sent if the setting is false, or the headers have one", function()
    assert.is_nil(trace_context.of(settings { traceparent = false }))
    assert.is_nil(trace_context.of(settings { traceparent = false, on_span = print }).traceparent)
    local trace = trace_context.of(settings { headers = { TraceParent = PARENT }, traceparent = PARENT:gsub("0a", "0b"),
      on_span = print })
    assert.same({ nil, TRACE_ID, SPAN_ID }, { trace.traceparent, trace.trace_id, trace.parent_span_id })
    trace = trace_context.of(settings { headers = { TraceState = "c=3" }, traceparent = PARENT, tracestate = "a=1" })
    assert.same({ PARENT }, { trace.traceparent, trace.tracestate })
  end)

  it("has no ids of its own in the background", function()
    local trace = trace_context.of(settings { traceparent = PARENT, on_span = print, log = "json" }, true)
    assert.same({ PARENT }, { trace.traceparent, trace.seed })
    assert.is_nil(trace_context.of(settings { on_span = print, log = "json" }, true))
  end)
end)
