# A Vitess cluster on this machine's loopback: etcd, a mysqld and a vttablet a shard, and vtgate. To be
# sourced by bash, with `say` and `die` defined, after get.sh; one cluster a shell.
#
#   vitess_up BIN SHARDS [COMMAND [LOAD]]  starts it, with the tables' places (services/ledger/storage/vitess) and
#                          no table; before vtgate is started, which looks for new tablets once a minute, runs
#                          COMMAND, and once there are servers, without a tablet yet, LOAD
#   vitess_kill NAME       and vitess_hold NAME, vitess_release NAME, vitess_lose NAME
#   vitess_down            ends it all, by pid, and removes its folder; safe to call twice
#
# Names: etcd, vtgate, and, by a shard's number (0 is the unsharded keyspace, the catalog), mysqld0 and
# tablet0, mysqld1 ... Each is kept by keeper.sh, which starts it again when it has ended.

VITESS_URL=          # the ledger's database: by default in the keyspace that has one shard
VITESS_MIGRATE_URL=  # that of `ledger migrate`: by default in the keyspace with the accounts
VITESS_DIR=
VITESS_BIN=
VITESS_BASE=         # the first of its ports
VITESS_SHARDS=()     # "0" (the catalog's only one), "-80", "80-"
VITESS_KEEPERS=()
VITESS_TOPO=()
readonly VITESS_CELL=local

# vitess_ranges N: the N equal ranges, as Vitess names them.
vitess_ranges() {
  local n=$1 i from= to
  for ((i = 1; i <= n; i++)); do
    to=
    ((i == n)) || printf -v to '%02x' $((256 * i / n))
    echo "$from-$to"
    from=$to
  done
}

# vitess_free_ports: a stretch of 100 with nothing on its first ones.
vitess_free_ports() {
  local i
  while VITESS_BASE=$((20000 + RANDOM / 100 * 100)); do
    for i in {0..45}; do
      if (exec 3<>"/dev/tcp/127.0.0.1/$((VITESS_BASE + i))") 2>/dev/null; then continue 2; fi
    done
    return
  done
}

vitess_keep() {
  local name=$1
  setsid setpriv --pdeathsig KILL -- bash "$VITESS_SOURCES/keeper.sh" "$VITESS_DIR" "$@" >/dev/null 2>&1 </dev/null &
  VITESS_KEEPERS+=($!)
  disown
}

# vitess_until NAME SECONDS COMMAND...: fails with the end of the log of NAME.
vitess_until() {
  local name=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || {
      tail -n 20 "$VITESS_DIR/$name.log" >&2 || true
      die "$name was not ready in time: $*"
    }
    sleep 0.1
  done
}

vitess_ctl() {
  HOME=$VITESS_DIR "${VITESS_AS_USER[@]}" "$VITESS_BIN/vtctldclient" --log-level error --server internal \
    "${VITESS_TOPO[@]}" "$@"
}

# vitess_shard_sql NUMBER ARGS: at the shard's server itself.
vitess_shard_sql() {
  local number=$1
  shift
  mariadb --no-defaults -uops -popspass -S "$VITESS_DIR/mysqld$number/sock" "$@"
}

# MySQL's client can't log in to a vtgate without users; MariaDB's can.
vitess_sql() { mariadb --no-defaults -h127.0.0.1 -P"$((VITESS_BASE + 2))" -ureserve "$@"; }

vitess_number() {
  local i
  for i in "${!VITESS_SHARDS[@]}"; do
    [[ ${VITESS_SHARDS[i]} != "$1" ]] || { echo "$i" && return; }
  done
  die "there is no shard $1"
}

# One data folder is made, and copied for each shard.
vitess_template() {
  local template=$VITESS_BIN/template-$(id -u)
  [[ -d $template ]] && return
  say "making a data folder of MySQL"
  cat >"$VITESS_DIR/init.sql" <<'SQL'
CREATE USER ops@localhost IDENTIFIED BY 'opspass';
GRANT ALL ON *.* TO ops@localhost WITH GRANT OPTION;
CREATE DATABASE reserve DEFAULT CHARACTER SET utf8mb4;
SQL
  "${VITESS_AS_USER[@]}" "$VITESS_BIN/mysqld" --no-defaults --initialize-insecure --init-file="$VITESS_DIR/init.sql" \
    --datadir="$VITESS_DIR/template" --innodb-redo-log-capacity=64M >"$VITESS_DIR/initialize.log" 2>&1 || {
    tail -n 20 "$VITESS_DIR/initialize.log" >&2
    die "MySQL can't make a data folder"
  }
  cp -a "$VITESS_DIR/template" "$template.$$" && mv -T "$template.$$" "$template"
  rm -rf "$VITESS_DIR/template"
}

# vitess_settings: of each mysqld, a line each; what a commit costs and survives is among them.
vitess_settings() {
  printf '%s\n' --mysqlx=0 --secure-file-priv=NULL --gtid-mode=ON --enforce-gtid-consistency=ON --log-bin=bin \
    --sync-binlog=1 --innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size="${VITESS_POOL:-128M}" \
    --innodb-redo-log-capacity="${VITESS_REDO:-128M}" --performance-schema=OFF --max-connections=500 \
    --max-allowed-packet=64M
}

vitess_start_mysqld() {
  local n=$1 folder=$VITESS_DIR/mysqld$1 plugins=$VITESS_BIN/sid/root/usr/lib/mysql/plugin settings
  mkdir "$folder"
  cp -a "$VITESS_BIN/template-$(id -u)" "$folder/data"
  rm -f "$folder/data/auto.cnf"
  [[ $(id -u) != 0 ]] || chown 65534:65534 "$folder"
  mapfile -t settings < <(vitess_settings)
  # Unpacked, it does not find them by itself.
  [[ ! -d $plugins ]] || settings+=(--plugin-dir="$plugins")
  vitess_keep "mysqld$n" "$VITESS_BIN/mysqld" --no-defaults --datadir="$folder/data" --socket="$folder/sock" \
    --pid-file="$folder/pid" --port=$((VITESS_BASE + 10 + 3 * n)) --bind-address=127.0.0.1 \
    --server-id=$((n + 1)) "${settings[@]}"
}

vitess_start_tablet() {
  local n=$1 shard=$2 keyspace=reserve users=() who base=$((VITESS_BASE + 10 + 3 * $1))
  [[ $n != 0 ]] || keyspace=catalog
  # A tablet that does not manage its server insists on users with passwords.
  for who in app dba allprivs filtered repl appdebug; do
    users+=("--db-$who-user" ops "--db-$who-password" opspass)
  done
  # Rows a result: a large deck is read at once. Transactions: what a vtgate that was killed leaves
  # holds its row locks for so long.
  vitess_keep "tablet$n" "$VITESS_BIN/vttablet" "${VITESS_TOPO[@]}" --tablet-path "$VITESS_CELL-$((100 + n))" \
    --tablet-hostname 127.0.0.1 --port $((base + 1)) --grpc-port $((base + 2)) --bind-address 127.0.0.1 \
    --grpc-bind-address 127.0.0.1 --init-keyspace "$keyspace" --init-shard "$shard" --init-tablet-type replica \
    --init-db-name-override reserve --service-map grpc-queryservice,grpc-tabletmanager,grpc-updatestream \
    --unmanaged --db-socket "$VITESS_DIR/mysqld$n/sock" "${users[@]}" --db-charset utf8mb4 \
    --queryserver-config-max-result-size 1000000 --queryserver-config-pool-size 40 \
    --queryserver-config-transaction-cap 100 --queryserver-config-transaction-timeout 10s --health-check-interval 1s
}

vitess_start_gate() {
  vitess_keep vtgate "$VITESS_BIN/vtgate" "${VITESS_TOPO[@]}" --cell "$VITESS_CELL" --cells-to-watch "$VITESS_CELL" \
    --tablet-types-to-wait PRIMARY --port $((VITESS_BASE + 4)) --grpc-port $((VITESS_BASE + 3)) \
    --mysql-server-port $((VITESS_BASE + 2)) --mysql-server-socket-path "$VITESS_DIR/vtgate.sock" \
    --mysql-server-bind-address 127.0.0.1 --bind-address 127.0.0.1 \
    --grpc-bind-address 127.0.0.1 --mysql-auth-server-impl none --transaction-mode "${VITESS_MODE:-SINGLE}" \
    --max-memory-rows 1000000
}

vitess_up() {
  local shards=$2 before_gate=${3:-:} load=${4:-:} i places
  places=$(cd "$VITESS_SOURCES/../../services/ledger/storage/vitess" && pwd)
  VITESS_BIN=$1
  mapfile -t VITESS_SHARDS < <(echo 0 && vitess_ranges "$shards")
  VITESS_AS_USER=()
  VITESS_DIR=$(mktemp -d /tmp/reserve-vitess-XXXXXX)
  if [[ $(id -u) == 0 ]]; then
    VITESS_AS_USER=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chown 65534:65534 "$VITESS_DIR"
    "${VITESS_AS_USER[@]}" test -x "$VITESS_BIN/vtgate" ||
      die "$VITESS_BIN must be readable for all: Vitess and MySQL don't run as root"
  fi
  vitess_free_ports
  VITESS_TOPO=(--topo-implementation etcd2 --topo-global-server-address "127.0.0.1:$VITESS_BASE"
    --topo-global-root /vitess/global)
  vitess_template
  say "starting etcd, and mysqld and vttablet of the catalog and of ${VITESS_SHARDS[*]:1}"
  vitess_keep etcd "$(PATH=$PATH:/usr/sbin command -v etcd)" --data-dir "$VITESS_DIR/etcd" --unsafe-no-fsync \
    --listen-client-urls "http://127.0.0.1:$VITESS_BASE" --advertise-client-urls "http://127.0.0.1:$VITESS_BASE" \
    --listen-peer-urls "http://127.0.0.1:$((VITESS_BASE + 1))" \
    --initial-advertise-peer-urls "http://127.0.0.1:$((VITESS_BASE + 1))" \
    --initial-cluster "default=http://127.0.0.1:$((VITESS_BASE + 1))"
  for i in "${!VITESS_SHARDS[@]}"; do vitess_start_mysqld "$i"; done
  vitess_until etcd 30 curl -sf "http://127.0.0.1:$VITESS_BASE/health"
  vitess_ctl AddCellInfo --root "/vitess/$VITESS_CELL" --server-address "127.0.0.1:$VITESS_BASE" "$VITESS_CELL"
  vitess_ctl CreateKeyspace --durability-policy none catalog >/dev/null
  vitess_ctl CreateKeyspace --durability-policy none reserve >/dev/null
  for i in "${!VITESS_SHARDS[@]}"; do vitess_until "mysqld$i" 60 vitess_shard_sql "$i" -e 'SELECT 1'; done
  "$load"
  for i in "${!VITESS_SHARDS[@]}"; do vitess_start_tablet "$i" "${VITESS_SHARDS[i]}"; done
  for i in "${!VITESS_SHARDS[@]}"; do
    vitess_until "tablet$i" 60 vitess_ctl TabletExternallyReparented "$VITESS_CELL-$((100 + i))"
  done
  vitess_ctl ApplyVSchema --vschema-file "$places/vschema_reserve.json" reserve >/dev/null
  vitess_ctl ApplyVSchema --vschema-file "$places/vschema_catalog.json" catalog >/dev/null
  vitess_ctl ApplyRoutingRules --rules-file "$places/routing_rules.json" >/dev/null
  "$before_gate"
  say "starting vtgate, in transaction mode ${VITESS_MODE:-SINGLE}"
  vitess_start_gate
  vitess_until vtgate 60 vitess_sql -e 'SHOW VITESS_SHARDS'
  VITESS_URL=mysql://reserve@127.0.0.1:$((VITESS_BASE + 2))/catalog
  VITESS_MIGRATE_URL=mysql://reserve@127.0.0.1:$((VITESS_BASE + 2))/reserve
}

# vitess_kill NAME: SIGKILL; its keeper starts it again.
vitess_kill() {
  local pid
  pid=$(cat "$VITESS_DIR/$1.pid") && kill -KILL "$pid"
}

# vitess_hold NAME: killed, and not started again before vitess_release.
vitess_hold() {
  : >"$VITESS_DIR/hold.$1"
  vitess_kill "$1"
}
vitess_release() { rm -f "$VITESS_DIR/hold.$1"; }

# vitess_lose NAME...: killed for good, as when their machine is lost; nothing starts them again.
vitess_lose() {
  local name
  for name in "$@"; do : >"$VITESS_DIR/lost.$name"; done
  for name in "$@"; do vitess_kill "$name"; done
}

vitess_down() {
  local pid name tries
  [[ -n $VITESS_DIR ]] || return 0
  trap '' INT TERM HUP
  : >"$VITESS_DIR/stop"
  # What they keep dies with them.
  for pid in "${VITESS_KEEPERS[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  for name in "$VITESS_DIR"/*.pid; do
    pid=$(cat "$name" 2>/dev/null) || continue
    for ((tries = 0; tries < 100; tries++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.05
    done
  done
  rm -rf "$VITESS_DIR"
  VITESS_DIR= VITESS_KEEPERS=()
}
