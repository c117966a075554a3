--- klaviyo completion: scripts that complete command lines in a shell.

local M = {}

function M.configure(parser)
  parser:description("Writes a script that completes commands, options, resources, "
    .. "the ids of operations and the names of accounts. bash: put `source <(klaviyo "
    .. "completion bash)` into ~/.bashrc; zsh: `source <(klaviyo completion zsh)` into "
    .. "~/.zshrc, after compinit; fish: save it as "
    .. "~/.config/fish/completions/klaviyo.fish.")
  parser:argument("shell"):choices {"bash", "zsh", "fish"}:description("The shell.")
end

function M.run(context, arguments)
  context.words = nil  -- the whole command line is described
  local words = require("klaviyo.cli.completion.words").of(context,
    context.new_parser(context))
  context:out(require("klaviyo.cli.completion.scripts")[arguments.shell](words))
end

return M
