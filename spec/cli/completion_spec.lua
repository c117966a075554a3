-- klaviyo completion, in the shells themselves
local cli = require "spec.support.cli"
local script = require "spec.support.script"

local shell, quote = script.shell, script.quote

describe("klaviyo completion", function()
  local dir

  setup(function()
    dir = cli.folder()
    shell(("mkdir %s/klaviyo; echo '%s' >%s/klaviyo/accounts.json"):format(dir,
      '{"accounts":{"my shop":{"api_key":"pk_a"},"sandbox":{"api_key":"pk_b"}},"current":"sandbox"}', dir))
    shell("touch " .. dir .. "/body.json")
    for _, name in ipairs {"bash", "zsh", "fish"} do
      local result = cli.call {"completion", name}
      assert.same({0, ""}, {result.status, result.err})
      local file = assert(io.open(dir .. "/" .. name, "wb"))
      file:write(result.out)
      file:close()
    end
  end)

  teardown(function()
    shell("rm -rf " .. dir)
  end)

  -- How a shell is asked for what completes some words.
  local ASK = {
    bash = [=[XDG_CONFIG_HOME=%s bash -c 'source %s/bash; complete -p klaviyo >/dev/null || exit 9
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _klaviyo; printf "%%s\n" "${COMPREPLY[@]}"' bash %s]=],
    zsh = [=[XDG_CONFIG_HOME=%s zsh -fc 'compdef() { :; }; _files() { print -l %s/*; }
compadd() { shift; for one in "$@"; do [[ $one == "$words[CURRENT]"* ]] && print -- $one; done; return 0; }
source %s/zsh; words=("$@"); CURRENT=$#; _klaviyo' zsh %s]=],
    fish = [=[XDG_CONFIG_HOME=%s fish --no-config -c 'source %s/fish; complete -C "$argv"' -- %s]=],
  }

  local function complete(name, ...)
    local words = {"klaviyo", ...}
    for i, word in ipairs(words) do
      words[i] = quote(word)
    end
    local arguments = table.concat(words, " ")
    local text, status
    if name == "zsh" then
      text, status = shell(ASK.zsh:format(dir, dir, dir, arguments))
    else
      text, status = shell(ASK[name]:format(dir, dir, arguments))
    end
    assert.equal(0, status, text)
    local list = {}
    for line in text:gmatch("[^\n]+") do
      list[#list + 1] = line:match("^[^\t]*")
    end
    table.sort(list)
    return list
  end

  local function has(list, word)
    for _, one in ipairs(list) do
      if one == word then
        return true
      end
    end
    return false
  end

  for _, name in ipairs {"bash", "zsh", "fish"} do
    describe("in " .. name, function()
      local is_missing = select(2, shell("command -v " .. name)) ~= 0

      local function test(title, fn)
        it(title, function()
          if is_missing then
            return pending(name .. " is not installed")
          end
          fn()
        end)
      end

      test("knows commands and resources", function()
        assert.same({"webhook", "webhook-topics", "webhooks"}, complete(name, "webho"))
        assert.same({"send", "sign"}, complete(name, "webhook", "s"))
        assert.is_true(has(complete(name, "profiles", ""), "upsert"))
        assert.same({"add"}, complete(name, "lists", "profiles", "a"))
        assert.same({"add"}, complete(name, "--output", "table", "lists", "profiles", "a"))
      end)

      test("knows options and their values", function()
        assert.same({"--filter"}, complete(name, "profiles", "list", "--filt"))
        assert.same({"--account", "--additional-fields", "--all"}, complete(name, "profiles", "list", "--a"))
        assert.same({"json", "jsonl"}, complete(name, "profiles", "list", "--output", "js"))
        assert.is_true(has(complete(name, "--revision", "2026-0"), "2026-07-15"))
        assert.same({"fish"}, complete(name, "completion", "f"))
        assert.same({"lists"}, complete(name, "export", "lis"))
      end)

      test("knows accounts, operations and files", function()
        assert.same({"sandbox"}, complete(name, "--account", "sa"))
        assert.same({"sandbox"}, complete(name, "auth", "switch", "san"))
        for _, command in ipairs {"limits", "operation", "api"} do
          assert.same({"get_lists", "get_lists_for_profile"}, complete(name, command, "get_lists"))
        end
        assert.is_true(has(complete(name, "webhook", "sign", "--secret-file", dir .. "/bod"), dir .. "/body.json"))
      end)
    end)
  end

  it("needs no Lua for a key", function()
    local text = shell(("XDG_CONFIG_HOME=%s bash -c '%s'"):format(dir, "PATH=" .. dir .. "; source " .. dir
      .. "/bash; COMP_WORDS=(klaviyo profiles up); COMP_CWORD=2; _klaviyo; echo ${COMPREPLY[@]}"))
    assert.equal("upsert update\n", text)
  end)

  it("refuses another shell", function()
    local result = cli.call {"completion", "csh"}
    assert.equal(2, result.status)
    assert.matches("bash", result.err)
  end)
end)
