#!/bin/sh
# Writes the man page: the template, with what the program says of itself in other places put in.
# Usage: page.sh TEMPLATE VERSION PROGRAM
#   @version@                  VERSION
#   @help TITLE [synopsis]     PROGRAM --help; its options under the heading TITLE
#   @rules                     those of docs/jet.md
set -eu
here=$(dirname "$0")
while IFS= read -r line; do
  case $line in
    '@help '*)
      rest=${line#@help }
      "$3" --help | awk -f "$here/roff.awk" -f "$here/help.awk" -v options="${rest%% *}" \
        -v synopsis="$(case $rest in *' synopsis') echo 1 ;; esac)"
      ;;
    @rules) awk -f "$here/roff.awk" -f "$here/rules.awk" "$here/../docs/jet.md" ;;
    *@version@*) printf '%s\n' "${line%%@version@*}$2${line#*@version@}" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <"$1"
