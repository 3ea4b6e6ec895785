# Gets what a Vitess cluster on this machine consists of. To be sourced by bash, with `say` and `die`
# defined.
#
#   vitess_get BIN    vtgate, vttablet, vtctldclient, mysqld and mysqladmin, what is missing of them
#
# Vitess is the Go module vitess.io/vitess, as go.mod beside this file pins it. Its programs are
# built from main packages of our own that leave out all plugins but those that are needed here: with
# all of them a build takes three times as long. MySQL is the server of Debian's unstable
# distribution (Vitess does not support MariaDB under its tablets), unpacked beside the system's
# packages and run by its own loader; nothing is installed.

: "${VITESS_SOURCES:?the folder of this file}"

# vitess_main NAME PLUGIN...: makes the main package of vtgate or vttablet in the folder NAME.
vitess_main() {
  local name=$1 from plugin
  shift
  from=$(go list -mod=mod -m -f '{{.Dir}}' vitess.io/vitess)/go/cmd/$name
  mkdir -p "$name/cli"
  cp "$from"/cli/{cli,status}.go "$name/cli/"
  for plugin in "$@"; do cp "$from/cli/plugin_$plugin.go" "$name/cli/"; done
  sed "s#vitess.io/vitess/go/cmd/$name/cli#vt/$name/cli#" "$from/$name.go" >"$name/main.go"
}

# Without a vtctld the client must itself reach tablets. An internal package of Vitess, which only
# silences a warning, is left out: nobody else may use it.
vitess_client_main() {
  local from
  from=$(go list -mod=mod -m -f '{{.Dir}}' vitess.io/vitess)/go/cmd/vtctldclient
  mkdir -p vtctldclient
  sed '/_flag/d; s#^import (#import (\n\t_ "vitess.io/vitess/go/vt/vttablet/grpctabletconn"#' \
    "$from/main.go" >vtctldclient/main.go
  cp "$from"/plugin_*.go vtctldclient/
}

# vitess_build BIN NAME: from the main package in the folder NAME.
vitess_build() {
  say "building $2 (minutes, the first time)"
  chmod -R u+w "$2"
  nice go build -trimpath -ldflags='-s -w' -mod=mod -o "$1/$2" "./$2"
}

# vitess_programs BIN: in a folder of its own, as Go writes there.
vitess_programs() {
  local bin=$1
  mkdir -p "$bin/sources"
  cp "$VITESS_SOURCES"/go.{mod,sum} "$bin/sources/"
  cd "$bin/sources"
  go mod download vitess.io/vitess
  [[ -x $bin/vtgate ]] || {
    vitess_main vtgate etcd2topo grpctabletconn
    vitess_build "$bin" vtgate
  }
  [[ -x $bin/vttablet ]] || {
    vitess_main vttablet etcd2topo grpcqueryservice grpctabletconn grpctmclient grpctmserver \
      grpcbinlogplayer grpcbinlogstreamer filelogger grpcthrottlerserver
    vitess_build "$bin" vttablet
  }
  [[ -x $bin/vtctldclient ]] || {
    vitess_client_main
    vitess_build "$bin" vtctldclient
  }
}

# vitess_mirror: where this machine's apt gets Debian from.
vitess_mirror() {
  { cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null || true; } |
    grep -E '^(URIs:|deb )' | grep -m 1 -oE 'https?://[^ ]+/debian\b'
}

# vitess_mysql BIN: apt with a state of its own, so that the system's packages know nothing of it.
vitess_mysql() {
  local bin=$1 sid=$1/sid mirror deb loader program path libraries options
  mirror=$(vitess_mirror) && [[ -n $mirror ]] || { echo "no Debian mirror in apt's sources" && return 1; }
  mkdir -p "$sid"/{state/lists/partial,cache/archives/partial,parts,root}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$sid/sources.list"
  : >"$sid/status"
  options=(-qq -o "Dir::Etc::SourceList=$sid/sources.list" -o "Dir::Etc::SourceParts=$sid/parts"
    -o "Dir::State=$sid/state" -o "Dir::State::status=$sid/status" -o "Dir::Cache=$sid/cache"
    -o APT::Sandbox::User=root -o APT::Install-Recommends=false)
  apt-get "${options[@]}" update &&
    apt-get "${options[@]}" -y --download-only install mysql-server-core mysql-client-core || return 1
  for deb in "$sid"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$sid/root" || return 1; done
  rm -rf "$sid"/{cache,state}
  loader=$(readlink -f "$sid/root/usr/lib64/ld-linux-x86-64.so.2")
  libraries=$sid/root/usr/lib/x86_64-linux-gnu:$sid/root/usr/lib/mysql/private
  for program in mysql mysqladmin mysqld; do
    path=$sid/root/usr/bin/$program
    [[ -e $path ]] || path=$sid/root/usr/sbin/$program
    printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$loader" "$libraries" "$path" >"$bin/$program"
    chmod +x "$bin/$program"
  done
}

# vitess_get BIN: whoever lacks what this needs is told so; nothing of it is needed otherwise.
vitess_get() {
  local bin=$1
  if ! [[ -x $bin/vtgate && -x $bin/vttablet && -x $bin/vtctldclient ]]; then
    command -v go >/dev/null || die "skipped: no go here, with which Vitess is built (https://go.dev/dl)"
    say "getting the module vitess.io/vitess"
    (set -e && vitess_programs "$bin") 2>"$bin/build.log" ||
      die "skipped: Vitess can't be had or built here ($(tail -n 1 "$bin/build.log"); log: $bin/build.log)"
  fi
  if ! [[ -x $bin/mysqld ]]; then
    say "getting MySQL out of Debian's unstable distribution"
    vitess_mysql "$bin" >"$bin/mysql.log" 2>&1 ||
      die "skipped: MySQL can't be had here ($(tail -n 1 "$bin/mysql.log"); log: $bin/mysql.log)"
  fi
}
