# Splits or merges shards of the accounts under load, as an operator would, with a guard against a
# switch before all is copied. To be sourced after cluster.sh.
#
#   vitess_reshard - -80,80-      from these shards to those; the ledgers' lanes must lie within both
#
# Seen: a stream is "Running" for about a second before it is "Copying", and in that second
# SwitchTraffic goes through: the new shards then serve with part of one table. So what is waited for is
# the END of the copy, in Vitess's own log of each stream, and no table left to copy.

readonly VITESS_WORKFLOW=split

# vitess_schema FROM TO: the tables, as the first one has them. Vitess's own copy compares the text of
# SHOW CREATE TABLE, and stumbles over character sets; `ledger migrate` at the new shard would look for the
# tables of no account.
vitess_schema() {
  local table
  {
    echo 'USE reserve;'
    for table in $(vitess_shard_sql "$1" -N -e 'SHOW TABLES FROM reserve'); do
      vitess_shard_sql "$1" -N -r -e "SHOW CREATE TABLE reserve.$table" |
        sed '1s/^[^\t]*\t//; $s/$/;/; s/CREATE TABLE/CREATE TABLE IF NOT EXISTS/'
    done
  } | vitess_shard_sql "$2"
}

# vitess_rows SHARD...: how many accounts and entries they have together.
vitess_rows() {
  local shard table rows=()
  for table in accounts entries; do
    rows+=("$(for shard in "$@"; do
      vitess_shard_sql "$(vitess_number "$shard")" -N -e "SELECT COUNT(*) FROM reserve.$table"
    done | awk '{sum += $1} END {print sum}')")
  done
  echo "${rows[*]}"
}

# vitess_copied TARGET...: has each stream to each of these ended its copy? A shard has one from each
# shard that it takes accounts of; `Reshard create` makes them all.
vitess_copied() {
  local shard
  for shard in "$@"; do
    [[ $(vitess_shard_sql "$(vitess_number "$shard")" -N -e "
      SELECT COUNT(*) > 0 AND COUNT(*) = SUM(state = 'Running' AND EXISTS (
        SELECT 1 FROM _vt.vreplication_log l WHERE l.vrepl_id = v.id AND l.type = 'Ended Copy Phase'))
      FROM _vt.vreplication v WHERE workflow = '$VITESS_WORKFLOW';
      SELECT COUNT(*) FROM _vt.copy_state") == 1$'\n0' ]] || return 1
  done
}

# vitess_listed SHARD...: does vtgate know their primaries? (There is one vtgate here; each must.)
vitess_listed() {
  local shard
  for shard in "$@"; do
    vitess_sql -N -e 'SHOW VITESS_TABLETS' |
      awk -F '\t' -v shard="$shard" '$2 == "reserve" && $3 == shard && $4 == "PRIMARY" && $5 == "SERVING" {found = 1}
        END {exit !found}' || return 1
  done
}

vitess_reshard() {
  local from=${1//,/ } to=${2//,/ } shard n began before after
  for shard in $to; do
    n=${#VITESS_SHARDS[@]}
    VITESS_SHARDS+=("$shard")
    vitess_start_mysqld "$n"
    vitess_until "mysqld$n" 60 vitess_shard_sql "$n" -e 'SELECT 1'
    vitess_start_tablet "$n" "$shard"
    vitess_until "tablet$n" 60 vitess_ctl TabletExternallyReparented "$VITESS_CELL-$((100 + n))"
    vitess_schema "$(vitess_number "${from%% *}")" "$n"
    vitess_ctl ReloadSchema "$VITESS_CELL-$((100 + n))"
  done
  # shellcheck disable=SC2086
  before=$(vitess_rows $from)
  say "copying from ${from// /, } to ${to// /, }"
  vitess_ctl Reshard --workflow "$VITESS_WORKFLOW" --target-keyspace reserve create --source-shards "$1" \
    --target-shards "$2" --tablet-types primary --skip-schema-copy >"$VITESS_DIR/reshard.log"
  # shellcheck disable=SC2086
  {
    vitess_until reshard 600 vitess_copied $to
    after=$(vitess_rows $to)
    vitess_until vtgate 60 vitess_listed $to
  }
  ((${after% *} >= ${before% *} && ${after#* } >= ${before#* })) ||
    die "the new shards have $after accounts and entries, and there were $before: nothing is switched"
  say "all is copied ($after accounts and entries), switching"
  began=$(date +%s%N)
  vitess_ctl Reshard --workflow "$VITESS_WORKFLOW" --target-keyspace reserve switchtraffic --tablet-types primary \
    --timeout 30s >>"$VITESS_DIR/reshard.log" || {
    tail -n 5 "$VITESS_DIR/reshard.log" >&2
    die "the traffic is not switched"
  }
  say "switched in $((($(date +%s%N) - began) / 1000000)) ms"
}
