-- The files in types/ are what tools/types.lua writes, and declare what the real
-- objects have: each method, with the names of its parameters, and no other. The
-- examples of the documentation suit them.

local klaviyo = require "klaviyo"
local meta = require "spec.support.meta"
local script = require "spec.support.script"
local snippets = require "spec.support.snippets"
local tables = require "klaviyo.util.tables"
local type_check = require "spec.support.type_check"

package.path = "tools/?.lua;" .. package.path
local types = require "types"

local FOLDER = "types/klaviyo/library"

local function read(path)
  local file = assert(io.open(path, "rb"), path)
  local text = file:read("*a")
  file:close()
  return text
end

local function inner(fn, wanted)
  for i = 1, 255 do
    local name, value = debug.getupvalue(fn, i)
    if not name then
      return nil
    elseif name == wanted then
      return value
    end
  end
end

local function parameters_of(fn, is_method)
  local names, i = {}, is_method and 2 or 1
  while debug.getlocal(fn, i) do
    names[#names + 1] = debug.getlocal(fn, i)
    i = i + 1
  end
  if debug.getinfo(fn, "u").isvararg then
    names[#names + 1] = "..."
  end
  return names
end

describe("types", function()
  local declared = meta.read(FOLDER)

  for _, date in ipairs(types.COMMITTED) do
    local folder = types.folder(date)

    it("of " .. date .. " are what `make types` writes", function()
      local library = types.library(date)
      local found = script.shell(("cd %s && find . -type f"):format(folder))
      for path in found:gmatch("%./([^\n]+)") do
        assert.is_true(library[path] == read(folder .. "/" .. path),
          ("run make types: %s/%s differs"):format(folder, path))
        library[path] = nil
      end
      assert.same({}, library)
    end)

    it("of " .. date .. " are Lua files, and name only types that they declare", function()
      local library = meta.read(folder .. "/library")
      local count = 0
      for path in script.shell(("find %s -name '*.lua'"):format(folder)):gmatch("[^\n]+") do
        assert(loadfile(path))
        count = count + 1
      end
      assert.equal(14, count)
      local function check(where, kind)
        assert.same({}, library:undeclared(kind), where)
      end
      for name, class in pairs(library.classes) do
        assert.is_true(class.base == nil or class.base == "lightuserdata"
          or library.classes[class.base] ~= nil, name)
        for field, rule in pairs(class.fields) do
          check(name .. "." .. field, rule.kind)
        end
        for method, rule in pairs(class.methods) do
          for parameter, of in pairs(rule.parameters) do
            check(("%s:%s, %s"):format(name, method, parameter), of.kind)
          end
        end
      end
      for name, kind in pairs(library.aliases) do
        check(name, kind)
      end
    end)

    it("of " .. date .. " have every operation and alias", function()
      local library = meta.read(folder .. "/library")
      local found = {}
      for _, part in ipairs(meta.parts(library.aliases["klaviyo.Operation"])) do
        found[#found + 1] = part:match('^"(.*)"$')
      end
      assert.same(require("klaviyo.operations").revision(date):all_names(), found)
    end)
  end

  it("can be written for every revision", function()
    local operations = require "klaviyo.operations"
    local dates = operations.betas()
    for _, date in ipairs(operations.revisions()) do
      dates[#dates + 1] = date
    end
    local folders = {}
    for _, date in ipairs(dates) do
      assert.is_nil(folders[types.folder(date)])
      folders[types.folder(date)] = true
      for path, text in pairs(types.library(date)) do
        if path:find("%.lua$") then
          assert((loadstring or load)(text, "=" .. path))
        end
      end
    end
    assert.is_true(#dates > 12)
  end)

  it("take less than 3 MB", function()
    local bytes = script.shell("find types -type f -exec cat {} + | wc -c")
    assert.is_true(tonumber(bytes) < 3e6)
  end)

  -- Compares the methods of a class with functions by name.
  local function same_functions(class, functions, is_method)
    local methods = declared.classes[class].methods
    assert.same(tables.sorted(functions), tables.sorted(methods), class)
    for name, fn in pairs(functions) do
      assert.equal(is_method and ":" or ".", methods[name].separator)
      -- a C function does not have the names of its parameters
      if debug.getinfo(fn, "S").what ~= "C" then
        assert.same(parameters_of(fn, is_method), methods[name].names,
          ("%s, %s"):format(class, name))
      end
    end
  end

  local function functions_in(t, skip)
    local functions = {}
    for name, value in pairs(t) do
      if type(value) == "function" and not name:find("^__")
          and not (skip and skip[name]) then
        functions[name] = value
      end
    end
    return functions
  end

  it("have the functions and values of the modules", function()
    local later = inner(getmetatable(klaviyo).__index, "LATER")
    local all = {}
    for name in pairs(later) do
      all[name] = klaviyo[name]
    end
    for name, value in pairs(klaviyo) do
      all[name] = value
    end
    same_functions("klaviyo", functions_in(all))
    local fields = declared.classes.klaviyo.fields
    for name, value in pairs(all) do
      assert.is_true(type(value) == "function" or fields[name] ~= nil, name)
    end
    for name in pairs(fields) do
      assert.is_not_nil(all[name], name)
    end
    for name, module in pairs {
      json = klaviyo.json, csv = klaviyo.csv, webhook = klaviyo.webhook,
      sandbox = klaviyo.sandbox, operations = klaviyo.operations,
      filter = klaviyo.filter, gateway = require "klaviyo.gateway",
      outbox = require "klaviyo.outbox",
    } do
      same_functions("klaviyo." .. name, functions_in(module))
    end
  end)

  local client = klaviyo.new {api_key = "pk_types", company_id = "ABC123",
    fall_forward = false, on_warning = function() end}

  it("have the methods of the objects", function()
    same_functions("klaviyo.Client",
      inner(getmetatable(client).__index, "methods"), true)
    same_functions("klaviyo.Iterator",
      functions_in(getmetatable(client.lists:pages()).__index), true)
    same_functions("klaviyo.Items",
      functions_in(getmetatable(client.lists:each()).__index), true)
    same_functions("klaviyo.Map",
      functions_in(getmetatable(client:map({}, print)).__index), true)
    same_functions("klaviyo.Task", functions_in(getmetatable(
      klaviyo.spawn(function() end)).__index, {finish = true}), true)
    same_functions("klaviyo.CsvRows",
      functions_in(getmetatable(klaviyo.csv.rows "a\n").__index), true)
    same_functions("klaviyo.CsvWriter", functions_in(getmetatable(
      klaviyo.csv.writer(print, {columns = {"id"}})).__index), true)
    same_functions("klaviyo.Outbox",
      functions_in(inner(require("klaviyo.outbox").new, "Outbox")), true)
    same_functions("klaviyo.Gateway",
      functions_in(inner(require("klaviyo.gateway").new, "Gateway")), true)
    same_functions("klaviyo.sandbox.Server",
      functions_in(require("klaviyo.sandbox.server")), true)
  end)

  -- The verbs that a relation has in two ways: a single resource is read by `get`,
  -- a list by the others.
  local SINGLE = {get = true}
  local MANY = {list = true, each = true, pages = true, first = true, all = true}

  -- Compares the verbs of a resource or a relation with its class. Returns their
  -- number.
  local function same_verbs(class, object)
    local endpoint = rawget(object, 1)
    local names = {}
    for _, verb in ipairs(inner(inner(getmetatable(object).__index, "method_of"),
        "available")(endpoint)) do
      names[verb] = object[verb]
    end
    if endpoint.relation then
      local methods = declared.classes[class].methods
      for verb in pairs(methods.get and MANY or SINGLE) do
        names[verb] = nil
      end
    end
    local methods = declared.classes[class].methods
    local count = 0
    names.at = methods.at and object.at
    same_functions(class, names, true)
    for _ in pairs(names) do
      count = count + 1
    end
    return count
  end

  -- Compares all resources of a client, or of client.public.
  local function same_resources(root, prefix, class, object)
    local api = require("klaviyo.operations.api").of {
      revision = require("klaviyo.settings").default_revision, fall_forward = false,
    }
    local fields, count = {}, 0
    for name in pairs(declared.classes[class].fields) do
      fields[name] = true
    end
    for _, name in ipairs(require("klaviyo.resources").names(api, root)) do
      local ok, resource = pcall(function() return object[name] end)
      if ok then
        assert.is_true(fields[name], name .. " is not in " .. class)
        fields[name] = nil
        local own = prefix .. name
        count = count + same_verbs(own, resource)
        local relations = declared.classes[own .. ".at"]
        for relation in pairs(relations and relations.fields or {}) do
          count = count + same_verbs(own .. "." .. relation,
            resource:at("01")[relation])
        end
        if not relations then
          assert.is_false(pcall(function() return resource:at("01").no_such_relation end))
        end
      end
    end
    fields.public = nil
    assert.same({}, fields)
    return count
  end

  it("have every verb of the resources, with its parameters, and no other", function()
    assert.is_true(same_resources("/api/", "klaviyo.resource.", "klaviyo.Client",
      client) > 500)
    assert.is_true(same_resources("/client/", "klaviyo.resource.public.",
      "klaviyo.Public", client.public) > 8)
  end)

  it("have every relation of the resources", function()
    local revision = require("klaviyo.operations").revision(types.COMMITTED[1])
    local count = 0
    for _, id in ipairs(revision:names()) do
      local name, relation = revision:operation(id).path:gsub("%-", "_")
        :gsub("/relationships", ""):match("^/api/([%w_]+)/{[%w_]+}/([%w_]+)$")
      if name then
        local at = declared.classes[("klaviyo.resource.%s.at"):format(name)]
        assert.is_table(at.fields[relation], id)
        count = count + 1
      end
    end
    assert.is_true(count > 60)
  end)

  it("have the settings", function()
    local fields = declared.classes["klaviyo.Settings"].fields
    assert.same(tables.sorted(require("klaviyo.settings").FIELDS), tables.sorted(fields))
    assert.is_true(declared.classes["klaviyo.Settings"].is_closed)
  end)

  it("have the attributes, the required marks and the values of a request", function()
    local list = declared.classes["klaviyo.create_list"]
    assert.is_true(list.is_exact and list.is_closed)
    assert.is_false(list.fields.name.optional)
    assert.is_nil(declared.classes["klaviyo.create_profile"].fields.emial)
    assert.is_true(declared.classes["klaviyo.create_profile"].fields.email.optional)
    assert.equal("klaviyo.schema.ProfileLocation|klaviyo.Null",
      declared.classes["klaviyo.create_profile"].fields.location.kind)
  end)

  -- Mistakes that the documentation shows on purpose.
  local ON_PURPOSE = {["klaviyo.create_profile has no emial"] = true}

  it("suit the examples of the documentation", function()
    local count = 0
    local function check(path, line, text)
      local problems, calls = type_check.check(declared, text)
      for _, problem in ipairs(problems) do
        assert.is_true(ON_PURPOSE[problem.message],
          ("%s:%d: %s"):format(path, line + problem.line - 1, problem.message))
      end
      count = count + calls
    end
    for path in script.shell("ls README.md docs/*.md"):gmatch("[^\n]+") do
      for _, snippet in ipairs(snippets.of(path)) do
        check(path, snippet.line, snippet.text)
      end
    end
    for path in script.shell("ls examples/*.lua"):gmatch("[^\n]+") do
      check(path, 1, (read(path):gsub("^#![^\n]*", "")))
    end
    assert.is_true(count > 350)
  end)

  describe("find", function()
    local function problems(text)
      local list = {}
      for i, problem in ipairs((type_check.check(declared, text))) do
        list[i] = problem.message
      end
      return list
    end

    for text, expected in pairs {
      ['client.profiles:create {emial = "x"}'] = "klaviyo.create_profile has no emial",
      ['client.lists:create {}'] = "klaviyo.create_list lacks name",
      ['client.lists:creat {name = "x"}'] = "klaviyo.resource.lists has no creat",
      ['client.list:create {name = "x"}'] = "klaviyo.Client has no list",
      ['client.lists:at(id).profile:add {"a"}'] = "klaviyo.resource.lists.at has no profile",
      ['client.profiles:list({page = {sise = 3}})'] =
        "{ size?: integer, cursor?: string } has no sise",
      ['client.profiles:list {sort = "creatd"}'] =
        '"creatd" is not among the values of klaviyo.get_profiles.sort|klaviyo.get_profiles.sort[]',
      ['client.lists:list({}, {timeot = 3})'] = "klaviyo.Settings has no timeot",
      ['local other = client:with {retrys = 0}'] = "klaviyo.Settings has no retrys",
      ['local other = client:with {retries = 0} other.lists:all {limit = 3}'] =
        "klaviyo.get_lists.max has no limit",
      ['klaviyo.filter.equal("a", "b")'] = "klaviyo.filter has no equal",
      ['client.events:create {metric = "x", properties = {}, profile = {emial = "a"}}'] =
        "klaviyo.schema.EventProfileCreateQueryResourceObject has no emial",
      ['client.profiles:list {fields = {profle = {"email"}}}'] =
        "klaviyo.fieldset.profile has no profle",
      ['local outbox = require("klaviyo.outbox").new {pth = "x", path = "y"}'] =
        "klaviyo.OutboxOptions has no pth",
      ['local it = client.lists:pages() it:nxt()'] = "klaviyo.Items.list.pages has no nxt",
      ['local doc, err = client.profiles:get(id) print(doc.data.attributes.emial)'] =
        "klaviyo.Attributes.profile has no emial",
      ['for p, page in client.profiles:each() do print(p.idd, page.data) end'] =
        "klaviyo.Resource.profile has no idd",
      ['for text, id, type, page in client.profiles:each {limit = 3, raw = true} do print(page.dat) end'] =
        "klaviyo.Document has no dat",
      ['for page in client.lists:at(id).profiles:pages({raw = true}) do print(page.dat) end'] =
        "klaviyo.RawPage has no dat",
      ['for text in client.profiles:each {raw = true, limt = 3} do print(text) end'] =
        "klaviyo.get_profiles.limit has no limt",
      ['local it = client.profiles:each {raw = true} it:nxt()'] = "klaviyo.RawItems has no nxt",
      ['local it = client:each("get_profiles", {raw = true}) it:nxt()'] = "klaviyo.RawItems has no nxt",
      ['local doc = assert(client.lists:list()) print(doc.dat)'] =
        "klaviyo.Page.list has no dat",
    } do
      it("the mistake in " .. text, function()
        assert.same({expected}, problems(text))
      end)
    end

    it("no mistake in correct code", function()
      assert.same({}, problems [==[
        client.profiles:create {email = "x", properties = {["any name"] = {1, 2}}}
        client.lists:create {body = {data = {}}} -- client.lists:creat {}
        client.profiles:list({filter = f.all(a, b), page = {size = 3}}, {timeout = 1})
        local text = "client.list:create {}" .. [[client.list]]
        for p in client.lists:at(id).profiles:each {limit = 3} do print(p) end
        client.events:create {metric = "x", properties = {}, profile = {email = "a"}}
        for text, id, type, page in client.profiles:each {raw = true} do print(text:upper(), id, type, page.meta) end
        for page in client.profiles:pages {raw = true, limit = 1} do print(page.data) end
        for profile in client.profiles:each {raw = false} do print(profile.attributes.email) end
        for _, text in ipairs(client.profiles:all {raw = true}) do print(text:upper()) end
      ]==])
    end)
  end)
end)
