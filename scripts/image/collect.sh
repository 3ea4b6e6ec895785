#!/bin/sh
# collect.sh IMAGE: makes the folder IMAGE into a root with our programs (of /usr/local/bin), what
# they load, and nothing else: no shell, no package manager, no other program but `sleep`, which the
# chart's preStop needs on Kubernetes before 1.30.
set -eu
image=$1
plugins=$(dirname "$(find /usr/lib -name caching_sha2_password.so | head -n 1)")
[ -d "$plugins" ] || { echo "collect.sh: no plugins of libmariadb3" >&2; exit 1; }

put() { # put FILE...: into the image under its own path; what a link points to under the link's name
  for file in "$@"; do
    mkdir -p "$image$(dirname "$file")"
    cp -L "$file" "$image$file"
  done
}

# What the loader would load for it. A library that is not there is told of, and ends it.
check_libraries_of() {
  for file in "$@"; do
    missing=$(ldd "$file" 2>/dev/null | sed -n 's/^[[:space:]]*\(.*\) => not found.*/\1/p')
    [ -z "$missing" ] || { echo "collect.sh: $file lacks $missing" >&2; exit 1; }
  done
}
libraries_of() { ldd "$@" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) .*/\1/p' | sort -u; }

mkdir -p "$image/tmp" "$image/etc"
chmod 1777 "$image/tmp"
for program in ledger worker console gateway_stub; do put "/usr/local/bin/$program"; done
put /usr/bin/sleep
# libmariadb loads these when a server asks for them: how MySQL authenticates among them.
put "$plugins"/*.so
check_libraries_of /usr/local/bin/ledger /usr/local/bin/worker /usr/local/bin/console \
  /usr/local/bin/gateway_stub
# shellcheck disable=SC2046
put $(libraries_of /usr/local/bin/ledger /usr/local/bin/worker /usr/local/bin/console \
  /usr/local/bin/gateway_stub /usr/bin/sleep "$plugins"/*.so)

# Authorities, the zones of accounts, and who "nobody" is.
put /etc/ssl/certs/ca-certificates.crt /etc/ssl/openssl.cnf
cp -a /usr/share/zoneinfo "$image/usr/share/zoneinfo" 2>/dev/null ||
  { mkdir -p "$image/usr/share" && cp -a /usr/share/zoneinfo "$image/usr/share/"; }
rm -rf "$image/usr/share/zoneinfo/posix" "$image/usr/share/zoneinfo/right"
echo 'hosts: files dns' >"$image/etc/nsswitch.conf"
echo 'reserve:x:65532:65532:reserve:/:/nonexistent' >"$image/etc/passwd"
echo 'reserve:x:65532:' >"$image/etc/group"

# The licences of what is in it, and the versions: scanners look for them there.
mkdir -p "$image/usr/share/doc" "$image/var/lib/dpkg/status.d"
for file in $(cd "$image" && find usr lib lib64 -type f -name '*.so*' 2>/dev/null) usr/bin/sleep; do
  for path in "/$file" "/usr/$file" "/${file#usr/}"; do
    dpkg-query -S "$path" 2>/dev/null | cut -d: -f1
  done
done | sort -u | while read -r package; do
  mkdir -p "$image/usr/share/doc/$package"
  cp -L "/usr/share/doc/$package/copyright" "$image/usr/share/doc/$package/" 2>/dev/null || true
  dpkg-query -s "$package" >"$image/var/lib/dpkg/status.d/$package"
done
