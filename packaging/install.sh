#!/bin/sh
# Installs the agent from a directory with a release, after it was verified: install.sh [DIRECTORY]
# With MINISIGN_KEY set to a public key, the list of checksums must be signed by it, too.
set -eu
directory=${1:-$(dirname -- "$0")}
cd -- "$directory"
fail() {
  echo "install.sh: $1" >&2
  exit 1
}

if [ -n "${MINISIGN_KEY:-}" ]; then
  minisign -V -q -P "$MINISIGN_KEY" -m SHA256SUMS || fail "SHA256SUMS is not signed by that key."
fi

case $(uname -m) in
  x86_64) deb=amd64 rpm=x86_64 ;;
  aarch64) deb=arm64 rpm=aarch64 ;;
  *) fail "there is no release for $(uname -m)." ;;
esac
if command -v dpkg >/dev/null && [ -s /var/lib/dpkg/status ]; then
  pattern="logdna-agent_*_$deb.deb"
elif command -v rpm >/dev/null; then
  pattern="logdna-agent-*.$rpm.rpm"
else
  fail "neither dpkg nor rpm is there; use the tarball."
fi
# One file, and none that the list does not name.
set -- $pattern
[ $# -eq 1 ] && [ -f "$1" ] || fail "$directory does not hold one file $pattern."
grep -E "^[0-9a-f]{64}  $1\$" SHA256SUMS | sha256sum --check --quiet --strict - ||
  fail "$1 is not the file that SHA256SUMS names: get it anew."

case $1 in
  *.deb) if command -v apt-get >/dev/null; then apt-get install -y "./$1"; else dpkg -i "$1"; fi ;;
  *) if command -v dnf >/dev/null; then dnf install -y "./$1"; else rpm -U "$1"; fi ;;
esac
