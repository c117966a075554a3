--- The scripts that complete command lines in bash, zsh and fish. They hold all
--- words, so that no key starts Lua.

local shell = require "klaviyo.cli.shell"

local M = {}

-- Breaks words into lines, for a reader of the script.
local function folded(words)
  local lines, line = {}, ""
  for word in words:gmatch("%S+") do
    if #line + #word > 76 then
      lines[#lines + 1] = line
      line = word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

local function cases(groups, name)
  local lines = {"  case $1 in"}
  for _, group in ipairs(groups) do
    local keys = {}
    for i, key in ipairs(group.keys) do
      keys[i] = shell.quote(key)
    end
    lines[#lines + 1] = ("  %s) %s=%s ;;"):format(table.concat(keys, " | "), name,
      shell.quote(folded(group.words)))
  end
  lines[#lines + 1] = "  esac"
  return table.concat(lines, "\n")
end

-- What bash and zsh share: functions that put words into variables.
local SHARED = [==[
_klaviyo_commands() {
  commands=
%s
}

_klaviyo_options() {
  options=
%s
}

_klaviyo_arguments() {
  arguments=
%s
}

# Succeeds if the option takes a value.
_klaviyo_values() {
  values=
%s
  case $1 in %s) return 0 ;; esac
  return 1
}

_klaviyo_accounts() {
  grep -o '"[^"]*": *{' "${XDG_CONFIG_HOME:-$HOME/.config}/klaviyo/accounts.json" \
    2>/dev/null | sed 's/^"//; s/": *{$//' | grep -v '^accounts$'
}

# The words that @accounts and the like stand for.
_klaviyo_expand() {
  case $1 in
  *@accounts*) _klaviyo_accounts ;;
  *@operations*) echo '%s' ;;
  *@files*) ;;
  *) echo "$1" ;;
  esac
}
]==]

local function shared(words)
  local with_value = {}
  for _, group in ipairs(words.values) do
    for _, key in ipairs(group.keys) do
      with_value[#with_value + 1] = key
    end
  end
  table.sort(with_value)
  return SHARED:format(cases(words.commands, "commands"), cases(words.options, "options"),
    cases(words.arguments, "arguments"), cases(words.values, "values"),
    table.concat(with_value, " | "), folded(words.operations))
end

local BASH = [==[
# Completion of klaviyo in bash: written by `klaviyo completion bash`.
# Load it in ~/.bashrc:  source <(klaviyo completion bash)

%s
_klaviyo() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local path= commands options arguments values word i
  if [[ $current == = ]]; then
    current=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == -* ]]; then
      _klaviyo_values "$word" && ((i++))
      continue
    fi
    _klaviyo_commands "$path"
    [[ " ${commands//$'\n'/ } " == *" $word "* ]] && path=${path:+$path }$word
  done
  if [[ $before == -* ]] && _klaviyo_values "$before"; then
    if [[ $values == *@files* ]]; then
      compopt -o filenames
      COMPREPLY=($(compgen -f -- "$current"))
    else
      COMPREPLY=($(compgen -W "$(_klaviyo_expand "$values")" -- "$current"))
    fi
    return
  fi
  if [[ $current == -* ]]; then
    _klaviyo_options "$path"
    COMPREPLY=($(compgen -W "$options %s" -- "$current"))
    return
  fi
  _klaviyo_commands "$path"
  _klaviyo_arguments "$path"
  if [[ $arguments == *@files* ]]; then
    compopt -o filenames
    COMPREPLY=($(compgen -f -- "$current"))
  else
    COMPREPLY=($(compgen -W "$commands $(_klaviyo_expand "$arguments")" -- "$current"))
  fi
}

complete -F _klaviyo klaviyo
]==]

function M.bash(words)
  return BASH:format(shared(words), words.everywhere)
end

local ZSH = [==[
#compdef klaviyo
# Completion of klaviyo in zsh: written by `klaviyo completion zsh`.
# Load it in ~/.zshrc, after compinit:  source <(klaviyo completion zsh)

%s
_klaviyo() {
  local current=$words[CURRENT] before=$words[CURRENT-1]
  local path= commands options arguments values word
  local -i i
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    if [[ $word == -* ]]; then
      _klaviyo_values "$word" && ((i++))
      continue
    fi
    _klaviyo_commands "$path"
    [[ " ${commands//$'\n'/ } " == *" $word "* ]] && path=${path:+$path }$word
  done
  if [[ $before == -* ]] && _klaviyo_values "$before"; then
    if [[ $values == *@files* ]]; then
      _files
    else
      compadd -- ${=$(_klaviyo_expand "$values")}
    fi
    return
  fi
  if [[ $current == -* ]]; then
    _klaviyo_options "$path"
    compadd -- ${=options} %s
    return
  fi
  _klaviyo_commands "$path"
  _klaviyo_arguments "$path"
  if [[ $arguments == *@files* ]]; then
    _files
  else
    compadd -- ${=commands} ${=$(_klaviyo_expand "$arguments")}
  fi
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _klaviyo "$@"
else
  compdef _klaviyo klaviyo
fi
]==]

function M.zsh(words)
  -- `path` is the search path in zsh
  local text = ZSH:format(shared(words), words.everywhere)
  return (text:gsub("local path=", "local line="):gsub("%$path", "$line")
    :gsub("path=%${path:%+", "line=${line:+"))
end

local function fish_cases(groups)
  local lines = {"  switch \"$argv[1]\""}
  for _, group in ipairs(groups) do
    local keys = {}
    for i, key in ipairs(group.keys) do
      keys[i] = "'" .. key .. "'"
    end
    lines[#lines + 1] = ("    case %s\n      printf '%%s\\n' %s"):format(
      table.concat(keys, " "), group.words == "" and "''" or group.words)
  end
  lines[#lines + 1] = "  end"
  return table.concat(lines, "\n")
end

local FISH = [==[
# Completion of klaviyo in fish: written by `klaviyo completion fish`.
# Save it as ~/.config/fish/completions/klaviyo.fish

function __klaviyo_commands
%s
end

function __klaviyo_options
%s
end

function __klaviyo_arguments
%s
end

function __klaviyo_values
%s
end

function __klaviyo_takes_value
  contains -- $argv[1] %s
end

function __klaviyo_accounts
  set -l config $XDG_CONFIG_HOME
  test -n "$config"; or set config $HOME/.config
  grep -o '"[^"]*": *{' $config/klaviyo/accounts.json 2>/dev/null | sed 's/^"//; s/": *{$//' | grep -v '^accounts$'
end

function __klaviyo_expand
  while read -l word
    switch $word
      case @accounts
        __klaviyo_accounts
      case @operations
        printf '%%s\n' %s
      case @files
        __fish_complete_path (commandline -ct)
      case '*'
        echo $word
    end
  end
end

function __klaviyo_complete
  set -l before (commandline -opc)
  set -l current (commandline -ct)
  set -l path
  set -l skip 0
  for word in $before[2..-1]
    if test $skip = 1
      set skip 0
    else if string match -q -- '-*' $word
      __klaviyo_takes_value $word; and set skip 1
    else if contains -- $word (__klaviyo_commands "$path")
      set path (string trim -- "$path $word")
    end
  end
  if test $skip = 1
    __klaviyo_values $before[-1] | __klaviyo_expand
  else if string match -q -- '-*' $current
    __klaviyo_options "$path"
    printf '%%s\n' %s
  else
    __klaviyo_commands "$path"
    __klaviyo_arguments "$path" | __klaviyo_expand
  end
end

complete -c klaviyo -f -a '(__klaviyo_complete)'
]==]

function M.fish(words)
  local with_value = {}
  for _, group in ipairs(words.values) do
    for _, key in ipairs(group.keys) do
      with_value[#with_value + 1] = key
    end
  end
  return FISH:format(fish_cases(words.commands), fish_cases(words.options),
    fish_cases(words.arguments), fish_cases(words.values),
    table.concat(with_value, " "), words.operations, words.everywhere)
end

return M
