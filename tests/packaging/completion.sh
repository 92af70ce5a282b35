#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# completion.sh IMAKEEP VERIFIER COMPLETION: what bash offers after a word, asked as bash asks.
set -uo pipefail
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
imakeep=$(realpath "$1")
verifier=$(realpath "$2")
completion=$(realpath "$3")
begin_checks
PATH=$(dirname "$imakeep"):$(dirname "$verifier"):$PATH
# shellcheck source=/dev/null
. "$completion"
mkdir "$work/files" "$work/files/folder"
touch "$work/files/a list" "$work/files/log"
cd "$work/files" || exit 1

# offered WORD...: what is offered in place of the last word, sorted, with blanks between; "|" within a name's blanks.
offered() {
  local function
  function=$(complete -p imakeep | sed 's/.*-F \([^ ]*\) .*/\1/')
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  "$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
  printf '%s\n' "${COMPREPLY[@]}" | tr ' ' '|' | sort | xargs
}

# The first word of each line of a part of --help.
of_help() {
  local part=$1
  shift
  "$imakeep" "$@" --help | awk -v part="$part" '/^[A-Z]/ { on = $1 == part; next } on && /^  [^ ]/ { print $1 }' |
    tr , '\n' | sed 's/{.*//' | grep . | sort | xargs
}

check_equal "bash completes imakeep by a function" "complete -F _imakeep imakeep" "$(complete -p imakeep)"
check_equal "all commands" "$(of_help Subcommands:)" "$(offered imakeep '')"
check_equal "commands that begin so" "list log" "$(offered imakeep l)"
for command in keep status doctor verify appraise log conformance; do
  check_equal "all options of $command" "$(of_help Options: $command)" "$(offered imakeep $command -)"
done
check_equal "commands of list" "$(of_help Subcommands: list)" "$(offered imakeep list '')"
check_equal "commands of attest" "$(of_help Subcommands: attest)" "$(offered imakeep attest '')"
check_equal "commands of policy" "$(of_help Subcommands: policy)" "$(offered imakeep policy '')"
check_equal "all options of policy from-root" "$(of_help Options: policy from-root)" "$(offered imakeep policy from-root -)"
check_equal "all options of list serve" "$(of_help Options: list serve)" "$(offered imakeep list serve -)"
check_equal "options that begin so" "--trim-after --trim-at-exit" "$(offered imakeep keep --trim)"
check_equal "options after others" "--ima-dir" "$(offered imakeep keep --archive log --once --ima)"
check_equal "files of an option" "a|list folder log" "$(offered imakeep keep --archive '')"
check_equal "files after an option with =" "log" "$(offered imakeep keep --archive = l)"
check_equal "right after the =" "a|list folder log" "$(offered imakeep keep --archive =)"
check_equal "folders of an option" "folder" "$(offered imakeep keep --ima-dir '')"
check_equal "files of a command" "a|list folder log" "$(offered imakeep verify '')"
check_equal "a file named as a command is no command" "import query retire" "$(offered imakeep log --archive import '')"
check_equal "formats" "cel-cbor cel-json cel-tlv" "$(offered imakeep log --format cel)"
check_equal "methods" "auto count stage" "$(offered imakeep keep --method '')"
check_equal "banks" "sha1 sha256 sha384 sha512" "$(offered imakeep log --bank sha)"
check_equal "nothing after an option that takes a number" "" "$(offered imakeep keep --records '')"
check_equal "nothing for a program that is not there" "" "$(offered "$work/none" '')"
check_equal "bash completes imakeep-verifier by the same function" "complete -F _imakeep imakeep-verifier" \
  "$(complete -p imakeep-verifier)"
check_equal "all commands of imakeep-verifier" "$(imakeep=$verifier of_help Subcommands:)" "$(offered imakeep-verifier '')"
check_equal "all options of serve" "$(imakeep=$verifier of_help Options: serve)" "$(offered imakeep-verifier serve -)"
check_equal "modes of serve" "keylime strict" "$(offered imakeep-verifier serve --mode '')"
check_equal "folders of an option of serve" "folder" "$(offered imakeep-verifier serve --ek-roots '')"
check_equal "files of an option of serve" "a|list folder log" "$(offered imakeep-verifier serve --ek-pins '')"
finish_checks
