#!/usr/bin/env bash
# Is the service well? Asks the sidecar and, when it is there, the gRPC health service.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: scripts/health-check.sh [--url URL] [--timeout SECONDS] [--json] [--help]

Asks the sidecar for /livez, /readyz, /health and /metrics, with the time of each, and says what is wrong. Where `novitaid` is in PATH or
NOVITAID names it, and RPC_LISTEN says where it listens, its gRPC health service is asked too.

  --url URL           the sidecar [SERVICE_URL, else http://127.0.0.1:8080]
  --timeout SECONDS   for each question [TIMEOUT, else 10]
  --json              one JSON object instead of lines for people
  --help              this text

Exit status: 0 healthy or degraded, 1 unhealthy or not answering, 2 usage.
TEXT
}

url=${SERVICE_URL:-http://127.0.0.1:8080} timeout=${TIMEOUT:-10} json=''
while [ $# -gt 0 ]; do
    case $1 in
    --url | --timeout)
        [ $# -ge 2 ] || {
            usage >&2
            exit 2
        }
        if [ "$1" = --url ]; then url=${2%/}; else timeout=$2; fi
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
[[ "$timeout" =~ ^[1-9][0-9]*$ ]] || {
    printf 'error: --timeout takes whole seconds, not "%s"\n' "$timeout" >&2
    exit 2
}
# A healthy page comes in milliseconds; one that takes longer than this is a finding although it comes.
readonly slow_milliseconds=5000

body=$(mktemp)
trap 'rm -f "$body"' EXIT
findings=() code=0 took=0

# fetch PATH: sets code (000: no answer) and took; what came is in $body.
fetch() {
    local answer
    : >"$body"
    answer=$(curl --silent --show-error --noproxy '*' --max-time "$timeout" --output "$body" --write-out '%{http_code} %{time_total}' "$url$1" 2>/dev/null) || true
    code=${answer%% *}
    [ -n "$code" ] || code=000
    took=$(awk -v seconds="${answer##* }" 'BEGIN { printf "%d", seconds * 1000 }')
    [ "$took" -lt "$slow_milliseconds" ] || findings+=("$1 took $took ms")
}

# The value of a text member at the top of the JSON in $body, which the sidecar writes a member a line.
member() { sed -n "s/^ *\"$1\" *: *\"\([^\"]*\)\".*/\1/p" "$body" | tail -n 1; }

fetch /livez
live=$code live_took=$took
[ "$live" = 200 ] || findings+=("/livez answers $live")
fetch /readyz
ready=$code ready_took=$took
[ "$ready" = 200 ] || findings+=("/readyz answers $ready")
fetch /health
health=$code health_took=$took
# Of the whole, which stands outside of the checks: two blanks before it and not more.
status=$(sed -n 's/^  "status" *: *"\([a-z]*\)".*/\1/p' "$body")
version=$(member version)
case $health/$status in
200/healthy | 200/degraded) ;;
*) findings+=("/health answers $health ${status:-without a status}") ;;
esac
# "name": {... "detail": "...", ... "status": "..."}: the checks that are not healthy, as lines "name status: detail".
checks=$(awk -F '"' '
    /^    "[a-z]+" *: *\{/ { name = $2; detail = "" }
    name && $2 == "detail" { detail = $4 }
    name && $2 == "status" { if ($4 != "healthy") print name " " $4 ": " detail; name = "" }
' "$body")
fetch /metrics
metrics=$code metrics_took=$took
up=$(sed -n 's/^novitai_up //p' "$body")
[ "$metrics" = 200 ] || findings+=("/metrics answers $metrics")
[ "$up" = 1 ] || findings+=("novitai_up is ${up:-missing}")

grpc=skipped
novitaid=${NOVITAID:-$(command -v novitaid || true)}
if [ -n "$novitaid" ] && [ -n "${RPC_LISTEN:-}" ]; then
    if answer=$("$novitaid" probe 2>&1); then
        grpc=serving
    else
        grpc=failing
        findings+=("gRPC: $answer")
    fi
fi

verdict=${status:-unhealthy}
[ ${#findings[@]} -eq 0 ] || verdict=unhealthy
# Text inside a JSON text: what a shell has at hand, control characters dropped.
quoted() { printf '"%s"' "$(printf '%s' "$1" | tr -d '\000-\037' | sed 's/\\/\\\\/g; s/"/\\"/g')"; }
list() {
    local first=1 line
    printf '['
    while IFS= read -r line; do
        [ -n "$line" ] || continue
        [ -n "$first" ] || printf ', '
        first=''
        quoted "$line"
    done
    printf ']'
}
if [ -n "$json" ]; then
    printf '{"status": %s, "version": %s, "url": %s, ' "$(quoted "$verdict")" "$(quoted "$version")" "$(quoted "$url")"
    printf '"livez": {"code": "%s", "milliseconds": %d}, "readyz": {"code": "%s", "milliseconds": %d}, ' "$live" "$live_took" "$ready" "$ready_took"
    printf '"health": {"code": "%s", "milliseconds": %d}, "metrics": {"code": "%s", "milliseconds": %d}, ' "$health" "$health_took" "$metrics" "$metrics_took"
    printf '"grpc": "%s", "checks": %s, "findings": %s}\n' "$grpc" "$(list <<<"$checks")" "$(printf '%s\n' "${findings[@]}" | list)"
else
    printf '%s  %s  %s\n' "$url" "$verdict" "$version"
    printf '  livez %s (%d ms)  readyz %s (%d ms)  health %s (%d ms)  metrics %s (%d ms)  grpc %s\n' \
        "$live" "$live_took" "$ready" "$ready_took" "$health" "$health_took" "$metrics" "$metrics_took" "$grpc"
    [ -z "$checks" ] || printf '%s\n' "$checks" | sed 's/^/  check /'
    for finding in "${findings[@]}"; do printf '  finding %s\n' "$finding"; done
fi
[ "$verdict" != unhealthy ]
