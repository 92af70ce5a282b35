# SPDX-License-Identifier: Apache-2.0
# bash completion for imakeep and imakeep-verifier: commands, options and values come from the program's own --help.
# shellcheck shell=bash

# _imakeep_help PROGRAM WORD...: prints lines "command NAME", "option NAME KIND" or "file". KIND is the kind of value:
# none, file, directory, bank, other, or words with commas between them.
_imakeep_help() {
  "$@" --help 2>/dev/null | awk '
    function kind(rest) {
      if (match(rest, /^ [A-Z]+:\{[^}]*\}/)) return inside_braces(substr(rest, RSTART, RLENGTH))
      if (rest ~ /^ \[?(FILE|SOCK)/) return "file"
      if (rest ~ /^ \[?DIR/) return "directory"
      if (rest ~ /^ ALG/) return "bank"
      if (rest ~ /^ HOW/) return "auto,stage,count"
      if (rest ~ /^ WHICH/) return "auto,sysfs,none"
      if (rest ~ /^ \[/) return "none"
      return rest ~ /^ ([A-Z]+|[A-Z]+:[A-Z].*)([ =]|$)/ ? "other" : "none"
    }
    function inside_braces(text) {
      sub(/^[^{]*\{/, "", text)
      sub(/\}.*/, "", text)
      return text
    }
    /^[A-Z][a-z]+:$/ { part = $1; next }
    part == "Subcommands:" && /^  [a-z]/ { print "command " $1 }
    part == "Positionals:" && /^  (DIR|FILE|NEW|OLD|PATH|POLICY) / { print "file" }
    part == "Options:" && /^  -/ {
      names = $1
      rest = substr($0, index($0, names) + length(names))
      gsub(/\{[^}]*\}/, "", names)
      count = split(names, name, ",")
      # Two blanks separate the option from its description.
      sub(/  .*/, "", rest)
      for (i = 1; i <= count; ++i) print "option " name[i] " " kind(rest)
    }'
}

# _imakeep_read PROGRAM WORD...: sets the caller's commands, options (each with its kind) and files.
_imakeep_read() {
  local what name kind
  commands=() options=() files=
  while read -r what name kind; do
    case $what in
      command) commands+=("$name") ;;
      option) options[$name]=$kind ;;
      file) files=yes ;;
    esac
  done < <(_imakeep_help "$@")
}

_imakeep() {
  local word=${COMP_WORDS[COMP_CWORD]} last=$((COMP_CWORD - 1)) i
  local command=("${COMP_WORDS[0]}") commands files takes=none
  local -A options
  # bash makes three words of --option=value.
  [[ $word == = ]] && word='' last=$COMP_CWORD
  [[ ${COMP_WORDS[last]} == = ]] && ((--last))

  _imakeep_read "${command[@]}"
  for ((i = 1; i <= last; ++i)); do
    takes=${options[${COMP_WORDS[i]}]-none}
    if [[ $takes != none ]]; then
      ((i == last)) && break
      [[ ${COMP_WORDS[i + 1]} == = ]] && ((++i))
      ((++i))
      takes=none
    elif [[ " ${commands[*]} " == *" ${COMP_WORDS[i]} "* ]]; then
      command+=("${COMP_WORDS[i]}")
      _imakeep_read "${command[@]}"
    fi
  done

  case $takes in
    none)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${!options[*]}" -- "$word")
        return
      fi
      mapfile -t COMPREPLY < <(compgen -W "${commands[*]}" -- "$word")
      [[ $files ]] || return
      mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
      ;;
    file) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    directory) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    bank) mapfile -t COMPREPLY < <(compgen -W 'sha1 sha256 sha384 sha512 sm3' -- "$word") && return ;;
    other) COMPREPLY=() && return ;;
    *) mapfile -t COMPREPLY < <(compgen -W "${takes//,/ }" -- "$word") && return ;;
  esac
  compopt -o filenames 2>/dev/null
}

complete -F _imakeep imakeep imakeep-verifier
