# shellcheck shell=bash
# Which version an upgrade is tried from; sourced by ./run.

readonly LEVELS=services/ledger/domain/feature_level.h
readonly MIGRATIONS=services/ledger/storage/migrations

# newest_level TEXT: the number behind kNewestFeatureLevel in a feature_level.h; nothing if it has none.
newest_level() {
  local value
  value=$(sed -n 's/^inline constexpr int kNewestFeatureLevel = \(.*\);$/\1/p' <<<"$1")
  if [[ -n $value && ! $value =~ ^[0-9]+$ ]]; then
    value=$(sed -n "s/^inline constexpr int $value = \([0-9]*\);\$/\1/p" <<<"$1")
  fi
  echo "$value"
}

# begins_with WHOLE PART: is PART the first lines of WHOLE, or all of them?
begins_with() { [[ $1 == "$2" || $1 == "$2"$'\n'* ]]; }

# versions_before: the commits along first parents (versions that were the main line's; those of branches
# have their own numbers) that know fewer feature levels than the sources here, and whose migrations are
# the first of ours; the newest first.
versions_before() {
  local ours theirs level commit migrations
  ours=$(find "$MIGRATIONS" -name '*.sql' | LC_ALL=C sort)
  level=$(newest_level "$(cat "$LEVELS")")
  while read -r commit; do
    theirs=$(newest_level "$(git show "$commit:$LEVELS" 2>/dev/null)")
    [[ -n $theirs ]] && ((theirs < level)) || continue
    migrations=$(git ls-tree --name-only "$commit" "$MIGRATIONS/" | grep '\.sql$' | LC_ALL=C sort)
    if begins_with "$ours" "$migrations"; then echo "$commit"; fi
  done < <(git rev-list --first-parent HEAD)
}
