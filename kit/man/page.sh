#!/bin/sh
# Writes a man page: the template, with what the kit says of itself in other places put in.
# Usage: page.sh TEMPLATE VERSION PROGRAM
#   @version@                  VERSION
#   @help TITLE [synopsis]     PROGRAM --help; its options under the heading TITLE
#   @header NAME [SKIP]        include/jimm-test/NAME, but for the sections that match SKIP
set -eu
here=$(dirname "$0")
while IFS= read -r line; do
  case $line in
    '@help '*)
      rest=${line#@help }
      "$3" --help | awk -f "$here/roff.awk" -f "$here/help.awk" -v options="${rest%% *}" \
        -v synopsis="$(case $rest in *' synopsis') echo 1 ;; esac)"
      ;;
    '@header '*)
      rest=${line#@header }
      name=${rest%% *}
      awk -f "$here/roff.awk" -f "$here/header.awk" -v skip="$(test "$name" = "$rest" || echo "${rest#* }")" \
        "$here/../include/jimm-test/$name"
      ;;
    *@version@*) printf '%s\n' "${line%%@version@*}$2${line#*@version@}" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <"$1"
