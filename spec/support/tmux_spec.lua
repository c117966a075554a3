local tmux = require "spec.support.tmux"

describe("a terminal of tmux", function()
  it("runs a command, shows what it writes, and presses keys", function()
    if not tmux.is_available then
      return pending "tmux cannot open a terminal: make setup"
    end
    local screen = tmux.start("sh -c " .. "'stty size; test -t 2 && echo $NAME; read line; echo read $line; exit 7'",
      {width = 200, height = 30, env = {NAME = "a b"}})
    assert.matches("^30 200\na b\n", screen:wait_for "a b")
    screen:press "hello Enter"
    screen:wait_for "read hello"
    assert.equal(7, screen:status())
    assert.matches("30 200\r\n", screen:received())
    screen:close()
  end)

  it("ends a command by Ctrl-C", function()
    if not tmux.is_available then
      return pending "tmux cannot open a terminal: make setup"
    end
    local screen = tmux.start "sleep 50"
    require("klaviyo").sleep(0.5)
    screen:press "C-c"
    assert.equal(130, screen:status())
    assert.has_error(function() screen:wait_for("nothing of the kind", 0.2) end)
    screen:close()
  end)
end)
