-- The fields of a multipart form, and the file among them.
local operations = require "klaviyo.operations"
local form = require "klaviyo.request.multipart"
local raises = require "spec.support.raises"

local op = operations.revision("2024-10-15"):operation("upload_image_from_file")

local function file_of(fields)
  local parts = form.build(op, fields)
  assert.equal("file", parts[1])
  return parts[2], parts[3], parts[4]
end

local function with_file(name, body)
  local path = os.tmpname()
  os.remove(path)
  path = path .. name
  local file = assert(io.open(path, "wb"))
  file:write("bytes\0of it")
  file:close()
  local ok, err = pcall(body, path)
  os.remove(path)
  assert(ok, err)
end

-- Returns a function that returns these chunks, then `last` and `why`.
local function chunk_source(chunks, last, why)
  local at = 0
  return function()
    at = at + 1
    if at <= #chunks then
      return chunks[at]
    end
    return last, why
  end
end

describe("a multipart form", function()
  it("is a flat list of its fields by name, as text", function()
    assert.same({ "file", "x", "file", false, "hidden", "true", false, false, "name", "n", false, false },
      form.build(op, { name = "n", hidden = true, file = { data = "x" } }))
  end)

  it("reads a file from a path, with its name and the media type of its extension", function()
    for ending, kind in pairs { [".png"] = "image/png", [".JPG"] = "image/jpeg", [".gif"] = "image/gif",
      [".bin"] = false, [""] = false } do
      with_file(ending, function(path)
        for _, file in ipairs { path, { path = path } } do
          local data, name, media = file_of { file = file }
          assert.equal("bytes\0of it", data)
          assert.equal(path:match("[^/]+$"), name)
          assert.equal(kind, media)
        end
        local _, name, media = file_of { file = { path = path, filename = "other.gif", type = "image/webp" } }
        assert.equal("other.gif", name)
        assert.equal("image/webp", media)
      end)
    end
  end)

  it("reads a file from a function, to its end", function()
    for _, last in ipairs { false, "" } do
      local source = chunk_source({ "a", "bc", "d" }, last or nil)
      assert.equal("abcd", (file_of { file = last and { reader = source, filename = "x" } or source }))
    end
    assert.equal("", (file_of { file = chunk_source {} }))
  end)

  it("raises an error if the file cannot be read", function()
    local function refused(file, what)
      raises(what, function() form.build(op, { file = file }) end)
    end
    refused("/nowhere/there.png", "cannot read the file to upload: /nowhere/there.png")
    refused(".", "cannot read the file to upload: ")
    refused(chunk_source({ "a" }, nil, "the disk is gone"), "the reader of the file to upload failed: the disk is gone")
    refused({ filename = "x" }, "needs path, data or reader")
    refused({ data = 7 }, "needs path, data or reader")
    refused(7, "must be a path, a function or a table, not a number")
    refused({ data = "x", type = "image\r\nX: y" }, "must be a media type, not ")
  end)

  it("raises an error for an unknown field, and without a required one", function()
    raises({ "nmae", "name" }, function() form.build(op, { file = { data = "x" }, nmae = "x" }) end)
    raises("needs file", function() form.build(op, { name = "x" }) end)
    raises("takes a table, not a string", function() form.build(op, "x") end)
  end)
end)
