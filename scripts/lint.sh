# clang-tidy over our sources, for ./run lint.
#
# Most of clang-tidy's time goes into the headers that a source includes, which it looks at again
# for each source. So the sources of a folder that are compiled alike are looked at together, as
# one unit that includes them all. Where two of them can't stand in one unit (each has a constant of
# the same name, say), the unit is halved until they stand apart.

# Where each source's command is. What is generated is the release's.
readonly LINT_COMMANDS=build/lint/commands

# lint_flags FILE: how the compiler is called for it, without the compiler, what gcc alone knows, its
# precompiled headers, and the files.
lint_flags() {
  grep -F -B 1 "\"file\": \"$PWD/$1\"" $LINT_COMMANDS/compile_commands.json |
    sed -n 's/^ *"command": "\(.*\) -o .*",$/\1/p' | head -n 1 |
    sed -E -e 's/\\(["\\])/\1/g; s/^[^ ]+( [^ ]*c\+\+)? //; s/-Wno-restrict|-Winvalid-pch|-include [^ ]*cmake_pch\.hxx//g' -e "s#$LINT_COMMANDS#build/release#g"
}

# lint_key UNIT FLAG...: tells what is looked at, wherever it lies: the checks, the flags, and the
# text of all that the unit includes, as the compiler has listed it.
lint_key() {
  local unit=$1
  shift
  {
    cat .clang-tidy
    echo "${@//$PWD/}"
    sed 's/^[^ ]*: //; s/\\$//' "$unit.d" | tr -s ' ' '\n' | grep -v -e '^$' -e "$unit\$" | sort | xargs cat
  } | sha256sum | cut -d ' ' -f 1
}

# lint_unit NAME FILE...: looks at these together, in halves if need be. What was clean once is not
# looked at again while neither it, nor what it includes, nor the checks change.
lint_unit() {
  local name=$1 unit=build/lint/units/$1.cc key
  shift
  printf '#include "%s"  // NOLINT\n' "${@/#/$PWD/}" >"$unit"
  local flags
  # As a shell would read them: some have quotes.
  eval "flags=($(lint_flags "$1"))"
  if ! clang++-14 "${flags[@]}" -w -fsyntax-only -MD -MF "$unit.d" "$unit" 2>"$unit.log" &&
    (($# > 1)); then
    local half=$((($# + 1) / 2)) failed=0
    lint_unit "${name}a" "${@:1:half}" || failed=1
    lint_unit "${name}b" "${@:half+1}" || failed=1
    return "$failed"
  fi
  key=$(lint_key "$unit" "${flags[@]}")
  [[ ! -e $LINT_CACHE/$key ]] || return 0
  say "clang-tidy: $(dirname "$1"), $# files"
  clang-tidy-14 --quiet "$unit" -- "${flags[@]}" 2>"$unit.log" || {
    grep -v 'warnings generated' "$unit.log" >&2
    return 1
  }
  touch "$LINT_CACHE/$key"
}

# lint_line "NAME FILE...": the same, for xargs.
lint_line() {
  local words
  read -ra words <<<"$1"
  lint_unit "${words[@]}"
}

# lint_files FILE...: all of them, as many units at a time as there are cores.
lint_files() {
  local file at
  local -A units=()
  for file in "$@"; do
    # A unit has one folder, one way to be compiled, and at most twelve files.
    at="$(dirname "$file") $(lint_flags "$file")"
    units[$at]+=" $file"
  done
  export LINT_COMMANDS LINT_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/reserve-lint
  export -f lint_key lint_unit lint_line lint_flags say
  mkdir -p build/lint/units "$LINT_CACHE"
  find "$LINT_CACHE" -type f -mtime +30 -delete
  local lines=() number=0
  for at in "${!units[@]}"; do
    while read -r file; do
      lines+=("unit$((number++)) $file")
    done < <(xargs -n 12 <<<"${units[$at]}")
  done
  printf '%s\0' "${lines[@]}" | xargs -0 -n 1 -P "$JOBS" bash -c 'lint_line "$1"' lint
}
