# shellcheck shell=bash
# Sourced by the other scripts: where things are, installing what is missing, and saying what is going on.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Not used here: the scripts that source this file do.
# shellcheck disable=SC2034
venv="$root/.build/venv"

# The lists below are used by the scripts that source this file.
# shellcheck disable=SC2034

# What a build needs, and what the tests need on top of it, as Debian 12 names it.
build_packages=(libnghttp2-dev libprotobuf-c-dev libcurl4-openssl-dev libsqlite3-dev zlib1g-dev pkg-config)
# shellcheck disable=SC2034
test_packages=(protobuf-compiler protobuf-c-compiler libprotobuf-dev python3-venv shellcheck curl openssl prometheus nghttp2-client systemd docker-compose
    chromium chromium-driver
    ruby-grpc g++ libgrpc++-dev protobuf-compiler-grpc golang-go golang-google-grpc-dev golang-goprotobuf-dev
    nginx haproxy nghttp2-proxy)

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "not root and no sudo here; run as root: $*"
    fi
}

# Installs the Debian packages that are missing among those named.
install_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query --show --showformat '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "these Debian packages are missing and there is no apt-get to install them: ${missing[*]}"
    say "Installing ${missing[*]}"
    as_root apt-get update -qq || fail "apt-get update failed; missing packages: ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "apt-get could not install: ${missing[*]}"
}

# The fixes that the transport relies on came into Debian's libnghttp2 1.52.0 with this revision.
readonly nghttp2_minimum=1.52.0-1+deb12u3

require_toolchain() {
    command -v swift >/dev/null || fail "swift is not in PATH; Swift 6.2 or newer is needed (https://www.swift.org/install/linux/)"
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    if [ "$(printf '%s\n6.2\n' "${version:-0}" | sort -V | head -n 1)" != 6.2 ]; then
        fail "swift ${version:-of an unknown version} found; 6.2 or newer is needed"
    fi
    install_packages "${build_packages[@]}"
    dpkg --compare-versions "$(dpkg-query --show --showformat '${Version}' libnghttp2-14)" ge "$nghttp2_minimum" ||
        fail "libnghttp2-14 is older than $nghttp2_minimum, which has security fixes that this server relies on; run: apt-get update && apt-get install libnghttp2-14"
}

# What `swift build` is told for a program as it is deployed: optimised, with the Swift runtime inside, so that no library of it must stand
# beside the program and only what is used of it takes memory, and with a section for each function and table, so that the linker leaves
# out those that nobody uses. The Dockerfile and the benchmarks read the same file.
# shellcheck disable=SC2034
read -r -a release_options <"$root/scripts/release-options"

# A Python with what Tests/requirements.txt names, in .build.
require_python() {
    install_packages python3-venv
    local stamp="$venv/requirements.stamp"
    if ! cmp -s "$root/Tests/requirements.txt" "$stamp"; then
        say "Installing the Python clients that the tests use"
        rm -rf "$venv"
        python3 -m venv "$venv" || fail "python3 -m venv failed"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$root/Tests/requirements.txt" ||
            fail "pip could not install Tests/requirements.txt"
        cp "$root/Tests/requirements.txt" "$stamp"
    fi
}
