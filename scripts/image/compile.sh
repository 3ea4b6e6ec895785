#!/bin/sh
# compile.sh BUILD OUT: builds the programs of the sources in the working directory, and puts them
# into the folder OUT. BUILD is what they call themselves by (--version, reserve_build_info).
set -eu
build=$1
out=$2
cmake --preset image -DRESERVE_BUILD="$build"
cmake --build build/image -j "${JOBS:-$(nproc)}" --target ledger worker console gateway_stub
mkdir -p "$out"
for program in ledger worker console gateway_stub; do
  strip --strip-unneeded -o "$out/$program" "build/image/bin/$program"
done
