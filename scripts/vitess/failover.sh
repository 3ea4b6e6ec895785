# A replica of the last shard's server, and what an operator (or VTOrc) does once that server is lost. To be
# sourced after cluster.sh.
#
#   vitess_up BIN SHARDS vitess_replicate   the replica is there, and each commit of its shard waits for it
#   vitess_fail_over                        the primary and its tablet are lost, and the replica takes over
#
# Replication is semi-synchronous: with AFTER_SYNC, and a timeout that no test reaches, what a caller was
# told is booked is at the replica, so that it is not lost with the primary.

# By it VITESS_DIR has mysqld10 and tablet10: more than there are shards, as those are counted.
readonly VITESS_REPLICA=10
readonly VITESS_SEMI_SYNC_MILLIS=1000000000

# vitess_semi_sync NUMBER: both roles; what is done here is that server's own, and no transaction of the shard.
vitess_semi_sync() {
  vitess_shard_sql "$1" -e "SET sql_log_bin = 0;
    INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so';
    INSTALL PLUGIN rpl_semi_sync_replica SONAME 'semisync_replica.so'" ||
    die "mysqld$1 has no plugins for semi-synchronous replication"
}

# vitess_status NUMBER NAME: one of the server's status variables.
vitess_status() { vitess_shard_sql "$1" -N -e "SHOW GLOBAL STATUS LIKE '$2'" | cut -f 2; }

# vitess_in_force NUMBER: do its commits wait for a replica, and has each so far?
vitess_in_force() {
  [[ $(vitess_status "$1" Rpl_semi_sync_source_status) == ON &&
    $(vitess_status "$1" Rpl_semi_sync_source_clients) == 1 &&
    $(vitess_status "$1" Rpl_semi_sync_source_no_tx) == 0 ]]
}

vitess_replicate() {
  local primary=$((${#VITESS_SHARDS[@]} - 1)) port
  port=$((VITESS_BASE + 10 + 3 * primary))
  say "giving ${VITESS_SHARDS[primary]} a replica"
  vitess_start_mysqld "$VITESS_REPLICA"
  vitess_until "mysqld$VITESS_REPLICA" 60 vitess_shard_sql "$VITESS_REPLICA" -e 'SELECT 1'
  vitess_semi_sync "$primary"
  vitess_semi_sync "$VITESS_REPLICA"
  # All that the primary has ever logged is still there, so the replica begins with nothing.
  vitess_shard_sql "$VITESS_REPLICA" -e "
    SET GLOBAL rpl_semi_sync_replica_enabled = ON;
    SET GLOBAL super_read_only = ON;
    CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = $port, SOURCE_USER = 'ops',
      SOURCE_PASSWORD = 'opspass', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1;
    START REPLICA"
  vitess_shard_sql "$primary" -e "
    SET GLOBAL rpl_semi_sync_source_wait_for_replica_count = 1;
    SET GLOBAL rpl_semi_sync_source_wait_point = AFTER_SYNC;
    SET GLOBAL rpl_semi_sync_source_timeout = $VITESS_SEMI_SYNC_MILLIS;
    SET GLOBAL rpl_semi_sync_source_enabled = ON"
  vitess_until "mysqld$VITESS_REPLICA" 60 vitess_in_force "$primary"
  vitess_start_tablet "$VITESS_REPLICA" "${VITESS_SHARDS[primary]}"
  vitess_until "tablet$VITESS_REPLICA" 60 vitess_ctl GetTablet "$VITESS_CELL-$((100 + VITESS_REPLICA))"
}

# vitess_known: does vtgate know the replica? One that it does not know it would find within a minute.
vitess_known() {
  vitess_sql -N -e 'SHOW VITESS_TABLETS' |
    awk -F '\t' -v number="$((100 + VITESS_REPLICA))" '$4 == "REPLICA" && $5 == "SERVING" && $6 ~ number "$" {found = 1}
      END {exit !found}'
}

# vitess_promote NUMBER: it applies all that it was sent, follows nobody any more, and can be written to. It
# waits for no replica, as it has none yet.
vitess_promote() {
  local received
  vitess_shard_sql "$1" -e 'STOP REPLICA IO_THREAD'
  # A set goes over several lines where it is of several servers.
  received=$(vitess_shard_sql "$1" -E -e 'SHOW REPLICA STATUS' | tr -d '\n ' |
    sed 's/.*Retrieved_Gtid_Set:\([-0-9a-fA-F:,]*\)Executed_Gtid_Set.*/\1/')
  [[ $received == *-*:* ]] || die "the replica has received nothing"
  [[ $(vitess_shard_sql "$1" -N -e "SELECT WAIT_FOR_EXECUTED_GTID_SET('$received', 60)") == 0 ]] ||
    die "the replica does not apply what it was sent"
  vitess_shard_sql "$1" -e "
    STOP REPLICA;
    RESET REPLICA ALL;
    SET GLOBAL rpl_semi_sync_replica_enabled = OFF;
    SET GLOBAL rpl_semi_sync_source_enabled = OFF;
    SET GLOBAL super_read_only = OFF;
    SET GLOBAL read_only = OFF"
}

# vitess_serves SHARD: does vtgate have somebody to ask there?
vitess_serves() { vitess_sql -D "reserve:$1" -e 'SELECT account_id FROM accounts LIMIT 1'; }

vitess_fail_over() {
  local primary=$((${#VITESS_SHARDS[@]} - 1)) shard began promoted told
  shard=${VITESS_SHARDS[primary]}
  vitess_in_force "$primary" || die "semi-synchronous replication has fallen back: nothing is tried"
  say "$(vitess_status "$primary" Rpl_semi_sync_source_yes_tx) commits of $shard waited for the replica, all there were"
  vitess_until vtgate 70 vitess_known
  began=$(date +%s%N)
  vitess_lose "mysqld$primary" "tablet$primary"
  say "the primary of $shard and its tablet are lost"
  vitess_promote "$VITESS_REPLICA"
  promoted=$(date +%s%N)
  vitess_ctl TabletExternallyReparented "$VITESS_CELL-$((100 + VITESS_REPLICA))" >/dev/null
  told=$(date +%s%N)
  vitess_until vtgate 60 vitess_serves "$shard"
  say "promoted $(((promoted - began) / 1000000)) ms after the loss, known to Vitess after" \
    "$(((told - began) / 1000000)) ms, served through vtgate after $((($(date +%s%N) - began) / 1000000)) ms"
}
