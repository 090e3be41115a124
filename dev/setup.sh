#!/bin/sh
# Install the Debian packages that are missing: `dev/setup.sh build` or `dev/setup.sh test`.
# Asks apt only when something is missing; uses sudo when not root.
set -eu

build="gcc make pkg-config libc6-dev libjansson-dev libpcre2-dev libutf8proc-dev libsodium-dev
libsqlite3-dev libseccomp-dev libedit-dev libyaml-dev libmd4c-dev
libmicrohttpd-dev libcurl4-openssl-dev"
test="clang clang-format clang-tidy libclang-rt-14-dev libcmocka-dev python3 git
gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"

case "${1:-build}" in
build) wanted=$build ;;
test) wanted="$build $test" ;;
*) echo "usage: dev/setup.sh build|test" >&2; exit 2 ;;
esac

missing=""
for package in $wanted; do
    state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$state" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "holt needs these packages (Debian names), please install them:$missing" >&2
    exit 1
fi
sudo=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "holt needs:$missing
Run as root: apt-get install$missing" >&2; exit 1; }
    sudo=sudo
fi
echo "holt: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
