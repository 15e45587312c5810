# Runs the commands of documents word for word. Sourced, after lib.sh; needs $work. A block that is run is
#   <!-- name -->
#   ```sh
# and a block that cannot be run in a test says why:
#   <!-- not run: reason -->

# block DOCUMENT NAME: prints its text.
block() { awk -v name="<!-- $2 -->" '$0 == name { found = 1; next } found && /^```sh$/ { inside = 1; next } inside && /^```$/ { exit } inside' "$1"; }
# run_block DOCUMENT NAME: runs it in this shell; a command that fails ends the test. Its output is in $work/log.
used=()
run_block() {
  local text
  used+=("$1 $2")
  text=$(block "$1" "$2")
  [ -n "$text" ] || { fail "$1 has a block $2"; exit 1; }
  # Not inside a condition: there a command that fails would not end the block.
  trap 'fail "${used[-1]}" "$(tail -20 "$work/log")"' ERR
  set -E
  eval "$text" >"$work/log" 2>&1
  set +E
  trap - ERR
  pass "$1: $2"
}
# shows NAME PATTERN: the last block has printed it (a regular expression).
shows() { if grep -qE -- "$2" "$work/log"; then pass "$1"; else fail "$1" "not shown: $2" "$(tail -20 "$work/log")"; fi; }
# all_blocks_ran DOCUMENT...: checks that each named block was run, and that each block has a name or a reason.
all_blocks_ran() {
  local document name
  for document; do
    while read -r name; do
      [[ "$name" == "not run: "* || " ${used[*]} " == *" $document $name "* ]] || fail "$document: the block $name is not run"
    done < <(sed -n 's/^<!-- \(.*\) -->$/\1/p' "$document")
    [ "$(grep -c '^```sh$' "$document")" = "$(grep -c '^<!-- .* -->$' "$document")" ] || fail "$document: a block has no name"
    # Blocks in other languages are not commands.
    if grep -n '^```[a-z]' "$document" | grep -v '```sh$'; then fail "$document: a block that is not sh"; fi
  done
}
