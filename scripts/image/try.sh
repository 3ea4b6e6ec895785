#!/usr/bin/env bash
# try.sh [--pin] [--keep]: runs the Dockerfile's steps without a container engine, in Debian roots
# made by debootstrap, tries the programs of the image that comes of it, and prints its size. Needs
# root (chroot) and Debian's archive. --pin only writes the lists of packages anew; --keep leaves
# the folder build/image-try.
#
# RESERVE_TEST_CCACHE=/folder is a compiler's cache (ccache) to compile with: the compiler is the same
# as on this machine where that is an up-to-date Debian 12.
#
# With --if-asked it ends with 77, skipped, unless RESERVE_TEST_IMAGE is set.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
readonly WORK=$PWD/build/image-try
readonly BUILD_ROOTS=(g++ cmake ninja-build
  libgrpc++-dev libgrpc-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libabsl-dev
  libmysqlcppconn-dev libjemalloc-dev prometheus-cpp-dev nlohmann-json3-dev libssl-dev libxxhash-dev
  libcpp-httplib-dev libkainjow-mustache-dev libicu-dev libjs-chart.js
  pkg-config libc-ares-dev libre2-dev libcurl4-openssl-dev zlib1g-dev libgoogle-common-protos-java)
# libmariadb3 comes with the connector, and has the plugins.
readonly RUNTIME_ROOTS=(ca-certificates libabsl20220623 libcpp-httplib0.11 libgrpc++1.51 libicu72
  libjemalloc2 libmysqlcppconn7v5 libprometheus-cpp-core1.0 libprometheus-cpp-pull1.0 libprotobuf32 libssl3
  tzdata)

say() { echo "==> $*"; }
die() { echo "image: $*" >&2; exit 1; }

# debian_root FOLDER: a Debian as the base images have it, with its updates.
debian_root() {
  local sources=$1/etc/apt/sources.list main
  if [[ -d $WORK/pristine ]]; then
    cp -a "$WORK/pristine" "$1"
    return
  fi
  say "a clean Debian root (debootstrap)"
  PATH=$PATH:/usr/sbin debootstrap --variant=minbase bookworm "$1" >"$WORK/debootstrap.log" 2>&1 ||
    die "debootstrap failed: $(tail -n 3 "$WORK/debootstrap.log")"
  main=$(<"$sources")
  printf '%s\n' "$main" "${main/bookworm main/bookworm-updates main}" \
    "${main/\/debian bookworm main/\/debian-security bookworm-security main}" >"$sources"
  cp /etc/resolv.conf "$1/etc/resolv.conf"
  cp -a "$1" "$WORK/pristine"
}

in_root() {
  local root=$1
  shift
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin JOBS="$(nproc)" \
    CCACHE_DIR=/ccache CCACHE_BASEDIR=/src CCACHE_NOHASHDIR=1 \
    CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_MAXSIZE=8G chroot "$root" "$@"
}

# Gives the root the compiler's cache, if there is one.
take_cache() {
  [[ -n ${RESERVE_TEST_CCACHE:-} ]] || return 0
  in_root "$1" sh -c 'apt-get -q update && apt-get -q -y --no-install-recommends install ccache' \
    >"$WORK/ccache.log" 2>&1 || die "no ccache: $(tail -n 3 "$WORK/ccache.log")"
  mkdir "$1/ccache"
  mount --bind "$RESERVE_TEST_CCACHE" "$1/ccache"
  CACHE_MOUNT=$1/ccache
}

leave_cache() {
  [[ -z ${CACHE_MOUNT:-} ]] || umount "$CACHE_MOUNT"
  CACHE_MOUNT=
}

# pin FOLDER LOCK PACKAGE...: what would be installed there, with all that it needs.
pin() {
  local root=$1 lock=$2
  shift 2
  in_root "$root" apt-get -q -q update
  {
    echo "# What scripts/image/install.sh installs: written by ./run image --pin."
    in_root "$root" apt-get -s --no-install-recommends install "$@" |
      sed -n 's/^Inst \([^ ]*\) \(\[[^]]*\] \)\?(\([^ ]*\) .*/\1=\3/p' | sort
  } >"$lock"
  say "$lock: $(grep -vc '^#' "$lock") packages"
}

# In the image, as nobody, without a shell.
in_image() { env -i PATH=/usr/local/bin:/usr/bin:/usr/sbin chroot --userspec=65532:65532 "$WORK/image" "$@"; }

try_programs() {
  local build=$1 program version
  for program in ledger worker console gateway_stub; do
    version=$(in_image "$program" --version)
    [[ $version == *"(build $build)" ]] || die "$program says it is \"$version\", not build $build"
  done
  say "each program says: $version"
  [[ ! -e $WORK/image/bin/sh && ! -e $WORK/image/usr/bin/sh ]] || die "there is a shell"
  local plugin loader
  loader=$(cd "$WORK/image" && find . -name 'ld-linux*' | head -n 1)
  while read -r plugin; do
    ! in_image "${loader#.}" --list "${plugin#"$WORK/image"}" | grep 'not found' ||
      die "$plugin lacks a library"
  done < <(find "$WORK/image" -path '*plugin/*.so')
  find "$WORK/image" -name caching_sha2_password.so | grep -q . || die "MySQL's authentication is gone"
  say "no shell; the plugins of authentication are there, with what they load"

  try_ledger
}

# The ledger of the image on a private MariaDB, whose socket is in the image's /tmp.
try_ledger() {
  local address
  STACK_DIR=$WORK/image/tmp/stack
  # A container engine makes these.
  mkdir -p "$STACK_DIR" "$WORK/image/dev"
  cp -a "$WORK/pristine/dev/null" "$WORK/pristine/dev/urandom" "$WORK/image/dev/"
  stack_private_database
  IMAGE_DATABASE="mysql://root@localhost/reserve?socket=/tmp/stack/s"
  in_image ledger migrate --database="$IMAGE_DATABASE" >"$WORK/migrate.log" 2>&1 ||
    die "migrate failed: $(tail -n 3 "$WORK/migrate.log")"
  chmod 1777 "$STACK_DIR"
  stack_spawn ledger env -i PATH=/usr/local/bin:/usr/bin:/usr/sbin chroot --userspec=65532:65532 "$WORK/image" \
    ledger serve --database="$IMAGE_DATABASE" --listen=127.0.0.1:0 \
    --port_file=/tmp/stack/ledger.port
  stack_port ledger
  address=127.0.0.1:$STACK_PORT
  in_image ledger check --ledger="$address" || die "the ledger of the image does not serve"
  in_image ledger status --ledger="$address"
  try_console "$address"
}

# The console of the image in front of that ledger: it writes a page, for which it needs the data of
# ICU and its own files.
try_console() {
  in_image ledger import-rates --ledger="$1" --starter >"$WORK/rates.log" 2>&1 ||
    die "importing the starter deck failed: $(tail -n 3 "$WORK/rates.log")"
  stack_keys "$WORK/image/tmp/stack/jwks.json"
  chmod 644 "$WORK/image/tmp/stack/jwks.json"
  stack_spawn console env -i PATH=/usr/local/bin:/usr/bin:/usr/sbin chroot --userspec=65532:65532 "$WORK/image" \
    console --ledger="$1" --listen=127.0.0.1:0 --jwks_file=/tmp/stack/jwks.json --token_audience=a-try \
    --public_prices --port_file=/tmp/stack/console.port
  stack_port console
  local page
  page=$(curl -sf "http://127.0.0.1:$STACK_PORT/prices?search=kingdom") || die "the console of the image does not serve"
  # Without ICU's data amounts are written otherwise.
  [[ $page == *"United Kingdom"* && $page == *'$0.'* ]] || die "the console of the image writes no prices"
  say "the console of the image serves pages"
}

main() {
  local argument pin_only= keep= build
  for argument in "$@"; do
    case $argument in
      --pin) pin_only=1 ;;
      --keep) keep=1 ;;
      --if-asked)
        [[ -n ${RESERVE_TEST_IMAGE:-} ]] || {
          echo "SKIPPED: takes long; RESERVE_TEST_IMAGE=1 asks for it"
          exit 77
        }
        ;;
      *) die "takes --pin and --keep, not $argument" ;;
    esac
  done
  [[ $(id -u) == 0 ]] || die "needs root, for chroot"
  PATH=$PATH:/usr/sbin command -v debootstrap >/dev/null || die "needs Debian's package debootstrap"
  rm -rf "$WORK"
  mkdir -p "$WORK"
  # shellcheck source=scripts/stack.sh
  source scripts/stack.sh
  # What is mounted must not be removed.
  trap 'stack_down; leave_cache; [[ -n ${kept:-} ]] || rm -rf --one-file-system "$WORK"' EXIT
  kept=$keep
  if [[ -n $pin_only ]]; then
    debian_root "$WORK/root"
    pin "$WORK/root" scripts/image/build.lock "${BUILD_ROOTS[@]}"
    pin "$WORK/root" scripts/image/runtime.lock "${RUNTIME_ROOTS[@]}"
    return
  fi
  build=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)

  debian_root "$WORK/build-root"
  say "stage build: packages"
  mkdir "$WORK/build-root/src"
  git ls-files -z | tar --null -T - -c | tar -x -C "$WORK/build-root/src"
  in_root "$WORK/build-root" /src/scripts/image/install.sh /src/scripts/image/build.lock \
    >"$WORK/build-packages.log" 2>&1 || die "$(tail -n 3 "$WORK/build-packages.log")"
  take_cache "$WORK/build-root"
  say "stage build: compiling (log: $WORK/compile.log)"
  in_root "$WORK/build-root" sh -c "cd /src && scripts/image/compile.sh '$build' /out" \
    >"$WORK/compile.log" 2>&1 || die "$(tail -n 20 "$WORK/compile.log")"
  leave_cache

  debian_root "$WORK/runtime-root"
  say "stage root: packages, and what is taken of them"
  cp -r scripts/image "$WORK/runtime-root/image-scripts"
  in_root "$WORK/runtime-root" /image-scripts/install.sh /image-scripts/runtime.lock \
    >"$WORK/runtime-packages.log" 2>&1 || die "$(tail -n 3 "$WORK/runtime-packages.log")"
  cp "$WORK/build-root/out/"* "$WORK/runtime-root/usr/local/bin/"
  in_root "$WORK/runtime-root" /image-scripts/collect.sh /image
  mv "$WORK/runtime-root/image" "$WORK/image"

  try_programs "$build"
  stack_down_but_keep
  say "the image: $(du -sb "$WORK/image" | awk '{printf "%.1f MB", $1 / 1e6}') in $(find \
    "$WORK/image" -type f | wc -l) files, $(tar -C "$WORK/image" -c . | gzip -9 | wc -c |
    awk '{printf "%.1f MB", $1 / 1e6}') compressed; the programs alone $(du -cb \
    "$WORK/image/usr/local/bin/"* | tail -n 1 | awk '{printf "%.1f MB", $1 / 1e6}')"
}

# Ends the database and the ledger; what is measured is the image alone.
stack_down_but_keep() {
  stack_down
  trap - INT TERM HUP
  rm -rf "$WORK/image/tmp/"* "$WORK/image/dev"
}

main "$@"
