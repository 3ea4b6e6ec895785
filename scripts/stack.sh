# The whole stack on this machine, for `./run demo` and `./run up`: a private
# MariaDB (or the server of RESERVE_TEST_DATABASE), the ledger, the gateway stub
# and the worker, as real processes on loopback. To be sourced by bash, with
# `say` and `die` defined; one stack a shell.
#
#   trap stack_down EXIT
#   stack_up build/release/bin build/stack-$$ [LEDGER_PORT GATEWAY_PORT]
#   some_client --ledger="$STACK_LEDGER" --gateway="$STACK_GATEWAY"
#   stack_console build/release/bin 8080 http://127.0.0.1:8081/card  # and stack_link
#
# With STACK_DATABASE set before, the URL of a database that is there and empty, no server is started;
# STACK_MIGRATE is the URL for its migration, if that is another.
#
# Every process is started by this shell, is ended by its pid, and dies with
# this shell if that is killed.

STACK_LEDGER=    # host:port of the ledger
STACK_GATEWAY=   # host:port of the gateway stub
STACK_CONSOLE=   # where the console's pages are
STACK_DIR=       # logs and data; removed by stack_down
STACK_PIDS=()    # in the order in which they were started
STACK_NAMES=()
STACK_DATABASE=${STACK_DATABASE:-}  # the URL that the ledger connects to
STACK_MIGRATE=${STACK_MIGRATE:-}
STACK_SCHEMA=    # of the external server, to be dropped; empty on a private one
STACK_SOCKET=    # of the private server; empty on an external one
STACK_SOCKET_DIR=
STACK_METRICS=${STACK_METRICS:-}  # not empty: the programs serve metrics
STACK_METRICS_LINES=              # say where, for people
STACK_METRICS_FLAGS=()

# stack_spawn NAME COMMAND...: starts a process with its output in NAME.log. It
# gets a session of its own, so that Ctrl-C reaches this shell alone, which then
# ends the processes in order.
stack_spawn() {
  local name=$1
  shift
  setsid setpriv --pdeathsig KILL -- "$@" >"$STACK_DIR/$name.log" 2>&1 </dev/null &
  STACK_PIDS+=($!)
  disown  # The shell is not to comment on its end.
  STACK_NAMES+=("$name")
}

# stack_fail NAME WHAT: shows the end of a log, and fails.
stack_fail() {
  tail -n 20 "$STACK_DIR/$1.log" >&2 || true
  die "$1: $2"
}

# stack_await NAME PID SECONDS COMMAND...: waits until the command succeeds;
# fails if the process ends first.
stack_await() {
  local name=$1 pid=$2 deadline=$((SECONDS + $3))
  shift 3
  until "$@"; do
    kill -0 "$pid" 2>/dev/null || stack_fail "$name" "ended before it was ready"
    ((SECONDS < deadline)) || stack_fail "$name" "was not ready in time"
    sleep 0.05
  done
}

percent_decode() { printf '%b' "${1//%/\\x}"; }

percent_encode() {
  local text=$1 out= c i LC_ALL=C
  for ((i = 0; i < ${#text}; i++)); do
    c=${text:i:1}
    case $c in
      [A-Za-z0-9._~/-]) out+=$c ;;
      *) printf -v c '%%%02X' "'$c"; out+=$c ;;
    esac
  done
  printf '%s' "$out"
}

# Passes the connection in a file, so that the password is on no command line.
stack_sql() { mariadb --defaults-extra-file="$STACK_DIR/client.cnf" --batch --skip-column-names "$@"; }

# stack_client_file KEY=VALUE...: what stack_sql connects with.
stack_client_file() {
  local pair value
  (
    umask 077
    echo '[client]'
    for pair in "$@"; do
      value=${pair#*=}
      value=${value//\\/\\\\}
      printf '%s="%s"\n' "${pair%%=*}" "${value//\"/\\\"}"
    done
  ) >"$STACK_DIR/client.cnf"
  chmod 600 "$STACK_DIR/client.cnf"
}

stack_private_database() {
  local data=$STACK_DIR/data socket=$STACK_DIR/s as_user=()
  # A unix socket's path has at most 107 bytes.
  if ((${#socket} > 100)); then
    STACK_SOCKET_DIR=$(mktemp -d /tmp/reserve-XXXXXX)
    socket=$STACK_SOCKET_DIR/s
  fi
  [[ $(id -u) != 0 ]] || as_user=(--user=root)
  say "starting a private MariaDB"
  # --force: also where the host's own name does not resolve.
  mariadb-install-db --no-defaults --force --datadir="$data" --skip-test-db --skip-name-resolve \
    --auth-root-authentication-method=normal >"$STACK_DIR/install.log" 2>&1 ||
    stack_fail install "mariadb-install-db failed"
  mkdir -p "$STACK_DIR/tmp"
  stack_spawn mariadb "$(PATH=$PATH:/usr/sbin command -v mariadbd)" --no-defaults \
    --datadir="$data" --tmpdir="$STACK_DIR/tmp" --socket="$socket" --pid-file="$STACK_DIR/pid" \
    --skip-networking --skip-name-resolve --innodb-flush-log-at-trx-commit=1 "${as_user[@]}"
  stack_client_file "user=root" "socket=$socket"
  stack_await mariadb "${STACK_PIDS[-1]}" 60 stack_answers
  stack_sql -e "CREATE DATABASE reserve"
  STACK_SOCKET=$socket
  STACK_DATABASE="mysql://root@localhost/reserve?socket=$(percent_encode "$socket")"
}

stack_answers() { stack_sql -e 'SELECT 1' >/dev/null 2>&1; }

stack_external_database() {
  local url=$1 rest user password host port=3306
  rest=${url#mysql://}
  rest=${rest%%/*}
  [[ $url == mysql://* && $rest == *@* ]] ||
    die "RESERVE_TEST_DATABASE must be mysql://user:password@host:port"
  user=${rest%@*}
  host=${rest##*@}
  password=
  [[ $user != *:* ]] || password=${user#*:}
  user=${user%%:*}
  [[ $host != *:* ]] || port=${host##*:}
  host=${host%%:*}
  stack_client_file "user=$(percent_decode "$user")" "password=$(percent_decode "$password")" \
    "host=$host" "port=$port" "protocol=tcp"
  local schema=reserve_stack_$$
  say "using the database server $host:$port, schema $schema"
  stack_sql -e "DROP DATABASE IF EXISTS $schema; CREATE DATABASE $schema" ||
    die "no schema on $host:$port"
  STACK_SCHEMA=$schema
  STACK_DATABASE="mysql://$rest/$schema"
}

# stack_free_port: one on which nothing listens goes to STACK_PORT.
stack_free_port() {
  while STACK_PORT=$((20000 + RANDOM)); (exec 3<>"/dev/tcp/127.0.0.1/$STACK_PORT") 2>/dev/null; do
    :
  done
}

# stack_metrics NAME: has the program serve metrics, if they are asked for, by STACK_METRICS_FLAGS.
stack_metrics() {
  STACK_METRICS_FLAGS=()
  [[ -n $STACK_METRICS ]] || return 0
  stack_free_port
  STACK_METRICS_FLAGS=("--metrics_listen=127.0.0.1:$STACK_PORT")
  STACK_METRICS_LINES+="Metrics of $1: http://127.0.0.1:$STACK_PORT/metrics"$'\n'
}

# stack_port NAME: waits for the port file of the process started last; the port
# goes to STACK_PORT.
stack_port() {
  stack_await "$1" "${STACK_PIDS[-1]}" 60 test -s "$STACK_DIR/$1.port"
  STACK_PORT=$(<"$STACK_DIR/$1.port")
}

# stack_up BIN DIR [LEDGER_PORT GATEWAY_PORT]: brings everything up, or dies with
# the reason. Ports are free ones unless given.
stack_up() {
  local bin=$1 ledger_port=${3:-0} gateway_port=${4:-0}
  stack_sweep "$(dirname "$2")"
  mkdir -p "$2"
  STACK_DIR=$(cd "$2" && pwd)
  if [[ -n $STACK_DATABASE ]]; then
    say "using the database that is there"
  elif [[ -n ${RESERVE_TEST_DATABASE:-} ]]; then
    stack_external_database "$RESERVE_TEST_DATABASE"
  else
    stack_private_database
  fi

  # By the environment: command lines are for all to see.
  say "migrating the schema"
  RESERVE_DATABASE=${STACK_MIGRATE:-$STACK_DATABASE} "$bin/ledger" migrate >"$STACK_DIR/migrate.log" 2>&1 ||
    stack_fail migrate "failed"

  # On a server of our own the ledger gets its own user, with no more rights than it needs.
  if [[ -n $STACK_SOCKET ]]; then
    {
      echo "CREATE USER 'reserve'@'localhost';"
      RESERVE_DATABASE=$STACK_DATABASE "$bin/ledger" grants --grantee="'reserve'@'localhost'"
    } | stack_sql >"$STACK_DIR/grants.log" 2>&1 || stack_fail grants "failed"
    STACK_DATABASE=${STACK_DATABASE/root@/reserve@}
  fi

  say "starting gateway_stub, ledger and worker"
  stack_metrics gateway_stub
  stack_spawn gateway_stub "$bin/gateway_stub" --listen="127.0.0.1:$gateway_port" \
    --data_file="$STACK_DIR/charges" --port_file="$STACK_DIR/gateway_stub.port" "${STACK_METRICS_FLAGS[@]}"
  stack_port gateway_stub
  STACK_GATEWAY=127.0.0.1:$STACK_PORT
  stack_metrics ledger
  RESERVE_DATABASE=$STACK_DATABASE stack_spawn ledger "$bin/ledger" serve \
    --listen="127.0.0.1:$ledger_port" --port_file="$STACK_DIR/ledger.port" "${STACK_METRICS_FLAGS[@]}"
  stack_port ledger
  STACK_LEDGER=127.0.0.1:$STACK_PORT
  "$bin/ledger" import-rates --ledger="$STACK_LEDGER" --starter >"$STACK_DIR/rates.log" 2>&1 ||
    stack_fail rates "importing the starter deck failed"
  stack_metrics worker
  stack_spawn worker "$bin/worker" --ledger="$STACK_LEDGER" --gateway="$STACK_GATEWAY" \
    "${STACK_METRICS_FLAGS[@]}"
}

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# stack_keys FILE: makes an identity provider's key, and writes its public half to FILE as a JWKS.
stack_keys() {
  local hex
  (umask 077 && openssl genrsa -out "$STACK_DIR/provider.pem" 2048) 2>"$STACK_DIR/provider.log" ||
    stack_fail provider "no key could be made"
  hex=$(openssl rsa -in "$STACK_DIR/provider.pem" -noout -modulus)
  printf '{"keys": [{"kty": "RSA", "kid": "stack", "alg": "RS256", "e": "AQAB", "n": "%s"}]}\n' \
    "$(printf '%b' "$(sed 's/../\\x&/g' <<<"${hex#*=}")" | base64url)" >"$1"
}

# stack_console BIN PORT CARD_PAGE: starts the console, with an identity provider's key of our own.
stack_console() {
  local bin=$1 port=$2 card_page=$3
  stack_keys "$STACK_DIR/jwks.json"
  STACK_CONSOLE=http://127.0.0.1:$port
  say "starting console"
  stack_spawn console "$bin/console" --listen="127.0.0.1:$port" --ledger="$STACK_LEDGER" \
    --public_url="$STACK_CONSOLE" --card_page="$card_page" --public_prices \
    --jwks_file="$STACK_DIR/jwks.json" --token_audience=reserve-console \
    --port_file="$STACK_DIR/console.port"
  stack_port console
}

# stack_link CLAIM: the link by which somebody enters the console, good for 12 hours.
stack_link() {
  local text
  text=$(printf '{"alg": "RS256", "kid": "stack"}' | base64url).$(
    printf '{"sub": "you", "aud": "reserve-console", "exp": %d, %s}' $(($(date +%s) + 43200)) "$1" |
      base64url)
  printf '%s/enter?token=%s.%s' "$STACK_CONSOLE" "$text" \
    "$(printf '%s' "$text" | openssl dgst -sha256 -sign "$STACK_DIR/provider.pem" -binary | base64url)"
}

# stack_sweep FOLDER: removes what stacks left whose shell was killed.
stack_sweep() {
  local left
  for left in "$1"/stack-[0-9]*; do
    [[ ! -d $left ]] || kill -0 "${left##*-}" 2>/dev/null || rm -rf "$left"
  done
}

# stack_wait: fails as soon as a process of the stack has ended by itself.
stack_wait() {
  local i
  while sleep 0.5; do
    for i in "${!STACK_PIDS[@]}"; do
      kill -0 "${STACK_PIDS[i]}" 2>/dev/null || stack_fail "${STACK_NAMES[i]}" "ended by itself"
    done
  done
}

# stack_end_at INDEX: ends that process.
stack_end_at() {
  local pid=${STACK_PIDS[$1]} name=${STACK_NAMES[$1]} signal=TERM deadline=$((SECONDS + 15))
  STACK_PIDS[$1]=
  # The private database's data goes with it: nothing to save.
  [[ $name != mariadb ]] || signal=KILL
  kill "-$signal" "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null; do
    if ((SECONDS >= deadline)); then
      say "$name does not end by itself; killing it"
      kill -KILL "$pid" 2>/dev/null || true
      break
    fi
    sleep 0.05
  done
}

# stack_end NAME: ends the processes of this name, and no other.
stack_end() {
  local i
  for i in "${!STACK_NAMES[@]}"; do
    [[ ${STACK_NAMES[i]} != "$1" ]] || stack_end_at "$i"
  done
}

# stack_down: ends all processes, the last one started first, and removes the
# folder and the schema. Safe to call at any time, and twice.
stack_down() {
  local i
  trap '' INT TERM HUP
  for ((i = ${#STACK_PIDS[@]} - 1; i >= 0; i--)); do stack_end_at "$i"; done
  STACK_PIDS=()
  STACK_NAMES=()
  if [[ -n $STACK_SCHEMA ]]; then
    stack_sql -e "DROP DATABASE IF EXISTS $STACK_SCHEMA" || true
    STACK_SCHEMA=
  fi
  [[ -z $STACK_DIR ]] || rm -rf "$STACK_DIR"
  [[ -z $STACK_SOCKET_DIR ]] || rm -rf "$STACK_SOCKET_DIR"
  STACK_DIR= STACK_SOCKET= STACK_SOCKET_DIR=
}
