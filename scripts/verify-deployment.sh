#!/usr/bin/env bash
# Is what was deployed what was meant to be? Reads only: nothing is created, stopped or deleted.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: scripts/verify-deployment.sh [--url URL] [--expect-version VERSION] [--help]

Checks a running service from outside: health, each check of /health, metrics, the gRPC port, what the server says of itself, that it
lists instances and reads the provider's offers. In a compose project it also checks how the containers were started: user,
read-only root, dropped capabilities, restart policy, log rotation.

  --url URL                  the sidecar [SERVICE_URL, else http://127.0.0.1:8080]
  --expect-version VERSION   fails when another version answers
  --help                     this text

NOVITAI_TARGET and NOVITAI_TOKEN reach the server; NOVITAI and NOVITAID name the programs when they are not in PATH.
Exit status: 0 all passed, 1 something failed, 2 usage.
TEXT
}

url=${SERVICE_URL:-http://127.0.0.1:8080} version=''
while [ $# -gt 0 ]; do
    case $1 in
    --url | --expect-version)
        [ $# -ge 2 ] || {
            usage >&2
            exit 2
        }
        if [ "$1" = --url ]; then url=${2%/}; else version=$2; fi
        shift 2
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
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
novitai=${NOVITAI:-$(command -v novitai || true)}
failures=0

# check WHAT COMMAND …: its output is shown when it fails.
check() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        printf 'ok      %s\n' "$what"
    else
        printf 'FAILED  %s\n%s\n' "$what" "$output"
        failures=$((failures + 1))
    fi
}

page() { curl --silent --show-error --fail --noproxy '*' --max-time 10 "$url$1"; }
# `grep -q` would close the pipe at the first match, which is a failure of curl where the page is long.
has() { page "$1" | grep "$2" >/dev/null; }
all_checks() {
    local missing='' name text
    text=$(page /health)
    for name in rpc store jobs upstream reconciler balance; do grep -q "\"$name\"" <<<"$text" || missing+=" $name"; done
    [ -z "$missing" ] || {
        printf 'not reported:%s\n' "$missing"
        return 1
    }
}
the_version() { page /health | grep "\"version\" *: *\"$version\"" >/dev/null; }

check "health" "$folder/health-check.sh" --url "$url"
check "every check is reported" all_checks
check "metrics are served" has /metrics '^novitai_build_info{'
check "the fleet is swept" has /metrics '^novitai_sweep_end_time_seconds'
[ -z "$version" ] || check "the version is $version" the_version
if [ -n "$novitai" ]; then
    check "gRPC answers" "$novitai" server info
    check "instances are listed" "$novitai" instances list
    check "the provider's offers are read" "$novitai" products list
else
    printf 'skipped gRPC: novitai is not in PATH and NOVITAI does not name it\n'
fi

# container SERVICE FORMAT WANTED
container() {
    local id value
    id=$(docker ps --quiet --filter "label=com.docker.compose.service=$1" | head -n 1)
    [ -n "$id" ] || {
        printf 'no container of the service %s\n' "$1"
        return 1
    }
    value=$(docker inspect --format "$2" "$id")
    [[ "$value" =~ ^($3)$ ]] || {
        printf '%s instead of %s\n' "$value" "$3"
        return 1
    }
}
if command -v docker >/dev/null && docker ps >/dev/null 2>&1; then
    for service in novitaid sidecar; do
        check "$service runs and is healthy" container "$service" '{{.State.Health.Status}}' healthy
        check "$service runs as 1001" container "$service" '{{.Config.User}}' 1001:1001
        check "$service has a read-only root" container "$service" '{{.HostConfig.ReadonlyRootfs}}' true
        check "$service has no capability" container "$service" '{{.HostConfig.CapDrop}}' '\[ALL\]'
        check "$service is started again" container "$service" '{{.HostConfig.RestartPolicy.Name}}' 'always|unless-stopped'
        check "$service rotates its log" container "$service" '{{index .HostConfig.LogConfig.Config "max-file"}}' '[0-9]+'
    done
fi
[ "$failures" -eq 0 ] || {
    printf '%d checks failed\n' "$failures"
    exit 1
}
