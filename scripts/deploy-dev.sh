#!/usr/bin/env bash
# The service on this machine, for development: against the simulator, rebuilt when a source changes.
set -euo pipefail
# shellcheck source=scripts/deployment.sh
source "$(dirname "${BASH_SOURCE[0]}")/deployment.sh"

usage() {
    cat <<'TEXT'
usage: scripts/deploy-dev.sh [--plain] [--dry-run] [--help]

Makes .env from .env.example and tokens under .novitai/deploy where they are missing, starts compose/compose.yaml with
compose.override.yaml, waits until the service is ready, and prints where it is. The first start builds everything, which takes minutes.

  --plain     without containers: scripts/run --detach. Taken by itself where there is no docker compose
  --dry-run   says what would be done
  --help      this text

Exit status: 0 ready, 1 not ready (its state and last log lines are printed), 2 usage.
TEXT
}

# Seconds for a service that is built to be ready, and for one that has to be built first.
readonly ready_seconds=60 build_seconds=1800
plain='' dry='' env_file="$root/.env"
for argument in "$@"; do
    case $argument in
    --plain) plain=1 ;;
    --dry-run) dry=1 ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) usage_error ;;
    esac
done
[ -n "$plain" ] || has_compose || plain=1
secrets="$root/.novitai/deploy"
url=http://127.0.0.1:$(setting SIDECAR_PORT)
[ "$url" != http://127.0.0.1: ] || url=http://127.0.0.1:8080

if [ -n "$dry" ]; then
    [ -f "$env_file" ] || printf 'would copy .env.example to .env\n'
    if [ -n "$plain" ]; then
        printf 'would run scripts/run --detach\n'
    else
        [ -f "$secrets/server/tokens.json" ] || printf 'would make tokens under .novitai/deploy\n'
        printf 'would run docker compose with compose.yaml and compose.override.yaml, and wait for %s/readyz\n' "$url"
    fi
    exit 0
fi
if [ ! -f "$env_file" ]; then
    (
        umask 077
        cp "$root/.env.example" "$env_file"
    )
    say "Made .env from .env.example"
fi
[ -z "$plain" ] || exec "$root/scripts/run" --detach

make_tokens "$secrets"
export SECRETS_DIR="$secrets"
export DEVELOPER_UID DEVELOPER_GID
DEVELOPER_UID=$(id -u) DEVELOPER_GID=$(id -g)
say "Starting"
compose compose.override.yaml up --build --detach
say "Waiting until it is ready"
patience=$ready_seconds
[ -d "$root/.build/debug" ] || patience=$build_seconds
if ! wait_ready "$url" "$patience"; then
    compose compose.override.yaml ps
    compose compose.override.yaml logs --tail 20
    curl --silent --show-error --noproxy '*' --max-time 5 "$url/health" || true
    fail "not ready within $patience s"
fi
compose compose.override.yaml ps
printf 'gRPC    127.0.0.1:50051, token in %s\nhealth  %s/health\nmetrics %s/metrics\n' "$secrets/admin.token" "$url" "$url"
