#!/bin/sh
# install.sh LOCK: installs the packages of a file of lines NAME=VERSION, in just these versions, on
# a Debian root. A version that Debian has replaced by a newer one is an error: `./run image --pin`
# writes the lists anew, and whoever commits them has seen what changes.
set -eu
lock=$1
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
grep -v '^#' "$lock" | xargs apt-get -q -y --allow-downgrades --no-install-recommends install || {
  echo "install.sh: a version in $lock is no longer to be had: ./run image --pin" >&2
  exit 1
}
apt-get clean
rm -rf /var/lib/apt/lists/*
