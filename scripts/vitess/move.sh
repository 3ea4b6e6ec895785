# The move of docs/VITESS.md, from one server to a cluster with one shard: a ledger that was at work on
# MariaDB goes on on Vitess. To be sourced after cluster.sh and stack.sh.
#
#   vitess_leave BIN              plays the demo on a MariaDB, ends the programs, and dumps the database
#   vitess_up BIN 1 : vitess_arrive  the cluster, whose servers get what was dumped before they have tablets
#   vitess_go_on BIN              the programs on the cluster: the books must be as they were
#   vitess_left                   removes what was dumped

VITESS_LEFT=  # a folder: the dump, what the gateway knows, and what the books counted

# vitess_books BIN: what `ledger verify` counts.
vitess_books() {
  "$1/ledger" verify --ledger="$STACK_LEDGER" | tail -n 1
}

vitess_leave() {
  local bin=$1
  stack_up "$bin" "build/stack-$$"
  say "running the demo on MariaDB"
  "$bin/demo" --ledger="$STACK_LEDGER" --gateway="$STACK_GATEWAY" >"$STACK_DIR/demo.log" || {
    tail -n 5 "$STACK_DIR/demo.log" >&2
    die "the demo failed"
  }
  # Nobody writes from here on: what is counted is what is dumped.
  stack_end worker
  VITESS_LEFT=$(mktemp -d /tmp/reserve-move-XXXXXX)
  vitess_books "$bin" >"$VITESS_LEFT/books" || die "the books are wrong"
  stack_end ledger
  stack_end gateway_stub
  mariadb-dump --defaults-extra-file="$STACK_DIR/client.cnf" --single-transaction --hex-blob --skip-comments \
    reserve >"$VITESS_LEFT/dump.sql" || die "the database can't be dumped"
  cp "$STACK_DIR/charges" "$VITESS_LEFT/"
  stack_down
  STACK_DATABASE=
}

# vitess_small_tables: those of no account, as Vitess is told.
vitess_small_tables() {
  sed -n 's/^    "\([a-z_]*\)": {}.*/\1/p' "$VITESS_SOURCES/../../services/ledger/storage/vitess/vschema_catalog.json"
}

vitess_arrive() {
  local small table
  mapfile -t small < <(vitess_small_tables)
  say "loading $(stat -c %s "$VITESS_LEFT/dump.sql") bytes, and taking ${#small[@]} small tables to the catalog"
  vitess_shard_sql 1 reserve <"$VITESS_LEFT/dump.sql"
  mariadb-dump --no-defaults -uops -popspass -S "$VITESS_DIR/mysqld1/sock" --hex-blob --skip-comments --no-tablespaces \
    reserve "${small[@]}" | vitess_shard_sql 0 reserve
  for table in "${small[@]}"; do
    vitess_shard_sql 1 reserve -e "RENAME TABLE $table TO old_$table"
  done
}

vitess_go_on() {
  local bin=$1 folder=build/stack-$$ books
  STACK_DATABASE=$VITESS_URL STACK_MIGRATE=$VITESS_MIGRATE_URL
  mkdir -p "$folder"
  cp "$VITESS_LEFT/charges" "$folder/"
  stack_up "$bin" "$folder"
  books=$(vitess_books "$bin") || die "the books are wrong after the move: $books"
  [[ $books == "$(<"$VITESS_LEFT/books")" ]] || die "the books were: $(<"$VITESS_LEFT/books"), and are: $books"
  say "moved: $books"
  say "running the demo on what was moved"
  "$bin/demo" --ledger="$STACK_LEDGER" --gateway="$STACK_GATEWAY" | tail -n 1 || die "the demo failed"
  "$bin/ledger" verify --ledger="$STACK_LEDGER" || die "the books are wrong"
  books=$("$bin/worker" reconcile --ledger="$STACK_LEDGER" --gateway="$STACK_GATEWAY" --grace=0s --dry_run) ||
    die "the gateway's books can't be held against the ledger's"
  echo "$books"
  [[ $books == *" 0 to be credited, 0 to be given back, 0 to be reported, 0 for a person" ]] ||
    die "the gateway's books and the ledger's differ"
}

# vitess_left: removes what was dumped.
vitess_left() { [[ -z $VITESS_LEFT ]] || rm -rf "$VITESS_LEFT"; }
