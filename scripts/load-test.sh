#!/usr/bin/env bash
# How many calls a second does this server answer? A bounded load of calls that change nothing.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: scripts/load-test.sh [--target HOST:PORT] [--seconds N] [--connections N] [--streams N] [--min-rate N] [--json] [--help]

Sends gRPC health checks with h2load (Debian's nghttp2-client) and prints calls per second, latency and failures.

  --target HOST:PORT   on this machine [NOVITAI_TARGET, else 127.0.0.1:50051]
  --seconds N          1 to 300 [10]
  --connections N      1 to 256 [8]
  --streams N          calls at once on each connection, 1 to 100 [10]
  --min-rate N         fails below so many calls per second [0]
  --json               one JSON object instead of a line for people
  --help               this text

A server with tokens answers an unnamed caller 50 health checks a second: use one without. Exit status: 0 every call was answered, 1 calls
failed or the rate is too low, 2 usage.
TEXT
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

target=${NOVITAI_TARGET:-127.0.0.1:50051} seconds=10 connections=8 streams=10 minimum=0 json=''
number() {
    [[ "$2" =~ ^[0-9]{1,8}$ ]] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] && return
    printf 'error: %s takes a number from %d to %d, not "%s"\n' "$1" "$3" "$4" "$2" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --target | --seconds | --connections | --streams | --min-rate)
        [ $# -ge 2 ] || {
            usage >&2
            exit 2
        }
        case $1 in
        --target) target=$2 ;;
        --seconds)
            number "$1" "$2" 1 300
            seconds=$2
            ;;
        --connections)
            number "$1" "$2" 1 256
            connections=$2
            ;;
        --streams)
            number "$1" "$2" 1 100
            streams=$2
            ;;
        --min-rate)
            number "$1" "$2" 0 10000000
            minimum=$2
            ;;
        esac
        shift 2
        ;;
    --json)
        json=1
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
done
# A load is for a server of one's own.
[[ "$target" =~ ^(127\.[0-9]+\.[0-9]+\.[0-9]+|localhost|\[::1\]):[0-9]+$ ]] || fail "$target is not on this machine"
command -v h2load >/dev/null || fail "h2load is missing; install nghttp2-client"

body=$(mktemp)
trap 'rm -f "$body"' EXIT
# An empty message: not compressed, 0 bytes.
printf '\0\0\0\0\0' >"$body"
output=$(h2load --duration "$seconds" --clients "$connections" --max-concurrent-streams "$streams" --data "$body" \
    --header 'content-type: application/grpc' --header 'te: trailers' "http://$target/grpc.health.v1.Health/Check") ||
    fail "h2load could not run against $target"
rate=$(sed -n 's/^finished in [^,]*, \([0-9.]*\) req\/s.*/\1/p' <<<"$output")
succeeded=$(sed -n 's/^requests: .* \([0-9]*\) succeeded.*/\1/p' <<<"$output")
failed=$(sed -n 's/^requests: .* \([0-9]*\) failed.*/\1/p' <<<"$output")
mean=$(awk '/^time for request:/ { print $6 }' <<<"$output")
longest=$(awk '/^time for request:/ { print $5 }' <<<"$output")
if [ -n "$json" ]; then
    printf '{"target": "%s", "seconds": %d, "calls_per_second": %s, "succeeded": %s, "failed": %s, "mean": "%s", "longest": "%s"}\n' \
        "$target" "$seconds" "${rate:-0}" "${succeeded:-0}" "${failed:-0}" "$mean" "$longest"
else
    printf '%s: %s calls per second, %s succeeded, %s failed, mean %s, longest %s\n' "$target" "${rate:-0}" "${succeeded:-0}" "${failed:-0}" "$mean" "$longest"
fi
[ "${failed:-1}" = 0 ] || fail "calls failed"
[ "${succeeded:-0}" -gt 0 ] || fail "no call was answered"
[ "${rate%%.*}" -ge "$minimum" ] || fail "fewer than $minimum calls per second"
