local chunks = require "klaviyo.bulk.chunks"
local raises = require "spec.support.raises"

-- Returns a list that keeps each text as it is.
local function store()
  local texts = {}
  function texts.add(self, text)
    self[#self + 1] = text
  end
  return texts
end

local function length(text)
  return #text
end

local function new_chunker(source, options)
  local all = {
    next = (chunks.iterator(source)), store = store, size = length,
    encode = function(record)
      return record
    end,
    batch_size = 3, batch_bytes = 1000,
  }
  for name, value in pairs(options or {}) do
    all[name] = value
  end
  return chunks.new(all)
end

local function all_of(chunker)
  local list = {}
  for chunk in function() return chunker:next() end do
    list[#list + 1] = chunk
  end
  return list
end

local function counts(list)
  local sizes = {}
  for i, chunk in ipairs(list) do
    sizes[i] = #chunk.positions
  end
  return sizes
end

describe("klaviyo.bulk.chunks", function()
  it("divides by count", function()
    local list = all_of(new_chunker {"a", "b", "c", "d", "e", "f", "g"})
    assert.same({3, 3, 1}, counts(list))
    assert.same({1, 3, 4, 6, 7, 7}, {list[1].from, list[1].to, list[2].from,
      list[2].to, list[3].from, list[3].to})
    assert.same({4, 5, 6}, list[2].positions)
    assert.same({"d", "e", "f"}, list[2].records)
    assert.equal(5, list[2].bytes)
  end)

  it("returns no chunk for an empty source", function()
    assert.same({}, all_of(new_chunker {}))
  end)

  it("returns no empty chunk after a full one", function()
    assert.same({3}, counts(all_of(new_chunker {"a", "b", "c"})))
  end)

  it("divides by bytes, commas included, at the exact boundary", function()
    local four = {("x"):rep(10), ("y"):rep(10), ("z"):rep(10), ("w"):rep(10)}
    assert.same({2, 2}, counts(all_of(new_chunker(four, {batch_bytes = 21}))))
    assert.same({1, 1, 1, 1}, counts(all_of(new_chunker(four, {batch_bytes = 20}))))
    assert.same({3, 1}, counts(all_of(new_chunker(four, {batch_bytes = 32}))))
    assert.same({2, 2}, counts(all_of(new_chunker(four, {batch_bytes = 31}))))
    assert.same({1, 1, 1, 1}, counts(all_of(new_chunker(four, {batch_bytes = 10}))))
  end)

  it("reports a record that is too large alone", function()
    local source = {"a", ("x"):rep(11), "b"}
    local list = all_of(new_chunker(source, {record_bytes = 10}))
    assert.equal(1, #list)
    assert.same({1, 3}, list[1].positions)
    local failure = list[1].failures[1]
    assert.equal(2, failure.position)
    assert.equal(source[2], failure.record)
    assert.equal("too_large", failure.errors[1].code)
    assert.matches("11 bytes; 10 are allowed", failure.errors[1].detail)
    assert.same({1, 2, 3}, all_of(new_chunker(source,
      {record_bytes = 11}))[1].positions)
    -- the limit of a whole chunk holds for one record too
    assert.equal(2, all_of(new_chunker(source,
      {batch_bytes = 10}))[1].failures[1].position)
  end)

  it("reports a record that cannot be encoded", function()
    local list = all_of(new_chunker({"a", "bad", "b", "bad"}, {
      encode = function(record, position)
        if record == "bad" then
          return nil, {{detail = "no " .. position}}
        end
        return record
      end,
    }))
    assert.same({1, 3}, list[1].positions)
    assert.equal("no 2", list[1].failures[1].errors[1].detail)
    assert.equal("no 4", list[1].failures[2].errors[1].detail)
    assert.equal(4, list[1].to)
  end)

  it("limits the failures of a chunk", function()
    local read_count = 0
    local chunker = new_chunker(function()
      read_count = read_count + 1
      return "bad"
    end, {encode = function()
      return nil, {}
    end})
    assert.equal(3, #chunker:next().failures)
    assert.equal(3, read_count)
    assert.equal(4, chunker:next().from)
  end)

  it("encodes each record once", function()
    local times = {}
    all_of(new_chunker({"aaaa", "bbbb", "cccc", "dddd"}, {
      batch_bytes = 9,
      encode = function(record, position)
        times[position] = (times[position] or 0) + 1
        return record
      end,
    }))
    assert.same({1, 1, 1, 1}, times)
  end)

  it("reads no further than the chunk, and not after the end", function()
    local read_count, ended = 0, 0
    local chunker = new_chunker(function()
      if read_count == 7 then
        ended = ended + 1
        return nil
      end
      read_count = read_count + 1
      return "r"
    end)
    chunker:next()
    assert.equal(3, read_count)
    chunker:next()
    assert.equal(6, read_count)
    chunker:next()
    assert.is_nil(chunker:next())
    assert.is_nil(chunker:next())
    assert.equal(1, ended)
  end)

  describe("of a source that a former run began", function()
    local source = {"a", "b", "c", "d", "e", "f", "g", "h", "i"}

    it("skips closed regions", function()
      local chunker = new_chunker(source, {regions = {
        {from = 1, to = 3, closed = true}, {from = 4, to = 5, closed = true}}})
      local list = all_of(chunker)
      assert.same({6, 7, 8}, list[1].positions)
      assert.same({9}, list[2].positions)
      assert.is_false(chunker:short())
    end)

    it("returns a region as the chunk that it was", function()
      local open = {from = 4, to = 5}
      local list = all_of(new_chunker(source, {regions = {
        {from = 1, to = 3, closed = true}, open,
        {from = 6, to = 7, closed = true}}}))
      assert.same({4, 5}, list[1].positions)
      assert.equal(open, list[1].region)
      assert.same({8, 9}, list[2].positions)
      assert.is_nil(list[2].region)
    end)

    it("ends a new chunk where a former one begins", function()
      local list = all_of(new_chunker(source,
        {regions = {{from = 3, to = 4, closed = true}, {from = 5, to = 6}}}))
      assert.same({2, 2, 3}, counts(list))
      assert.same({5, 6}, list[2].positions)
    end)

    it("shows the digests of each region before its records", function()
      local shown = {}
      local chunker = new_chunker(source, {
        regions = {{from = 1, to = 3, closed = true}, {from = 4, to = 5}},
        sum = function(record, position)
          return record .. position
        end,
        check = function(region, sums)
          shown[region.from] = table.concat(sums, " ")
        end,
      })
      local list = chunker:next()
      assert.same({[1] = "a1 b2 c3", [4] = "d4 e5"}, shown)
      assert.same({"d4", "e5"}, list.sums)
      assert.same({"f6", "g7", "h8"}, chunker:next().sums)
    end)

    it("returns only the positions in `only`", function()
      local encoded = {}
      local list = all_of(new_chunker(source, {
        regions = {{from = 1, to = 6, only = "2,4-5"}},
        sum = function(record)
          return record
        end,
        encode = function(record)
          encoded[#encoded + 1] = record
          return record ~= "d" and record or nil, {}
        end,
      }))
      assert.same({2, 5}, list[1].positions)
      assert.equal(4, list[1].failures[1].position)
      assert.same({1, 6, 6}, {list[1].from, list[1].to, #list[1].sums})
      assert.same({"b", "d", "e", "g", "h", "i"}, encoded)
    end)

    it("notices that the source has become shorter", function()
      for _, closed in ipairs {true, false} do
        local chunker = new_chunker(source, {regions = {
          {from = 1, to = 3, closed = true},
          {from = 4, to = 12, closed = closed}}})
        assert.same({}, all_of(chunker))
        assert.is_true(chunker:short())
      end
    end)
  end)

  describe("iterator", function()
    it("accepts lists, functions and callable tables", function()
      local read, total = chunks.iterator {"a", "b"}
      assert.equal(2, total)
      assert.same({"a", "b"}, {read(), read(), read()})
      local from_function
      from_function, total = chunks.iterator(print)
      assert.equal(print, from_function)
      assert.is_nil(total)
      local object = setmetatable({"not this"}, {__call = function()
        return "called"
      end})
      assert.equal("called", chunks.iterator(object)())
    end)

    it("raises for a value that is not a source", function()
      raises("a source must be a list, or a function", function()
        chunks.iterator("a path")
      end)
      raises("not nil", function()
        chunks.iterator(nil)
      end)
      raises('a source must be a list; this table has no [1], but "email"', function()
        chunks.iterator({email = "a@example.com"})
      end)
      raises("a source must be a list; this table has no [1], but [2]", function()
        chunks.iterator({nil, {email = "a@example.com"}})
      end)
    end)
  end)
end)
