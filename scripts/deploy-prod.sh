#!/usr/bin/env bash
# A new release into production, and back again when it is not well.
set -euo pipefail
# shellcheck source=scripts/deployment.sh
source "$(dirname "${BASH_SOURCE[0]}")/deployment.sh"

usage() {
    cat <<'TEXT'
usage: scripts/deploy-prod.sh [--mode compose|systemd|process] [option ...]

Validates the key and all settings, builds, deploys, and waits until the service is ready. When it is not ready in time, its state, its
log and its health are printed, the release before it is put back, and the exit status is 1.

  --mode compose      compose/compose.yaml with compose.prod.yaml; the default where there is docker compose
  --mode systemd      the units of deploy/systemd, the programs under --prefix; the default elsewhere
  --mode process      plain processes from --prefix, their pids and logs under --state
  --env-file FILE     the settings [.env; for systemd /etc/novitai/novitaid.env, which the units read]
  --binaries FOLDER   programs that are built already, instead of building them here (systemd, process)
  --prefix FOLDER     releases/ID, current and previous [/opt/novitai] (systemd, process)
  --state FOLDER      the database, pids, logs [/var/lib/novitai] (process)
  --release ID        names the release [the commit]
  --wait SECONDS      from the start of a release until it must be ready, 1 to 3600 [60]
  --back              puts the release before this one back, and builds nothing
  --dry-run           validates, and says what would be done
  --help              this text

Exit status: 0 ready, 1 refused or put back, 2 usage, 78 a setting is wrong.
TEXT
}

# Seconds for a process to end after SIGTERM: SHUTDOWN_GRACE and a little.
readonly stop_seconds=40
mode='' env_file='' binaries='' prefix=/opt/novitai state=/var/lib/novitai release='' back='' dry='' ready_seconds=60
while [ $# -gt 0 ]; do
    case $1 in
    --mode | --env-file | --binaries | --prefix | --state | --release | --wait)
        [ $# -ge 2 ] || usage_error
        case $1 in
        --mode) mode=$2 ;;
        --env-file) env_file=$2 ;;
        --binaries) binaries=$2 ;;
        --prefix) prefix=$2 ;;
        --state) state=$2 ;;
        --release) release=$2 ;;
        --wait) ready_seconds=$2 ;;
        esac
        shift 2
        ;;
    --back | --dry-run)
        if [ "$1" = --back ]; then back=1; else dry=1; fi
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) usage_error ;;
    esac
done
[ -n "$mode" ] || mode=$(has_compose && echo compose || echo systemd)
case $mode in compose | systemd | process) ;; *) usage_error ;; esac
[[ "$ready_seconds" =~ ^[1-9][0-9]{0,3}$ && "$ready_seconds" -le 3600 ]] || usage_error
[ -n "$env_file" ] || env_file=$([ "$mode" = systemd ] && echo /etc/novitai/novitaid.env || echo "$root/.env")
[ -n "$release" ] || release=$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null || date -u +%Y%m%d%H%M%S)
[[ "$release" =~ ^[A-Za-z0-9._-]+$ ]] || fail "--release takes letters, digits, dots, dashes and underscores, not \"$release\""

# --- validation

[ -f "$env_file" ] || fail "$env_file is missing: copy .env.example, and set NOVITA_API_KEY"
key=$(setting NOVITA_API_KEY)
upstream=$(setting NOVITA_API_BASE_URL)
case $upstream in
http://127.0.0.1* | http://localhost* | http://\[::1\]*) ;;
*) case $key in
    '') [ -n "$(setting NOVITA_API_KEY_FILE)" ] || fail "NOVITA_API_KEY is not set in $env_file" ;;
    your* | *changeme* | *example* | sk_xxx*) fail "NOVITA_API_KEY in $env_file is the value of a sample" ;;
    esac ;;
esac
port=$(setting SIDECAR_PORT)
url=http://127.0.0.1:${port:-8080}

# --- the modes

secrets="$root/.novitai/deploy"
# What compose.prod.yaml requires, before the first word to compose: it answers nothing without.
compose_variables() {
    export SECRETS_DIR="${SECRETS_DIR:-$secrets}" IMAGE_TAG="$release" REVISION="$release"
}
compose_prepare() {
    [ "$SECRETS_DIR" != "$secrets" ] || make_tokens "$secrets"
    compose compose.prod.yaml config --quiet
}
# The tag that runs now, none when nothing does; what --back and a failed deploy put back.
compose_previous() {
    local container
    container=$(compose compose.prod.yaml ps --all --quiet novitaid) || fail "compose does not say what runs now"
    [ -z "$container" ] || docker inspect --format '{{.Config.Image}}' "$container" | sed 's/.*://'
}

install_release() {
    local program
    [ ! -e "$prefix/releases/$release" ] || rm -rf "$prefix/releases/$release.new"
    mkdir -p "$prefix/releases/$release.new"
    for program in novitaid novitai-sidecar novitai; do install --mode 0755 "$binaries/$program" "$prefix/releases/$release.new/"; done
    rm -rf "$prefix/releases/$release"
    mv "$prefix/releases/$release.new" "$prefix/releases/$release"
}

# link NAME RELEASE: in one step, so that there is always one.
link() {
    ln -sfn "releases/$2" "$prefix/.$1"
    mv -T "$prefix/.$1" "$prefix/$1"
}

linked() { [ ! -L "$prefix/$1" ] || basename "$(readlink "$prefix/$1")"; }

# is_running PROGRAM PID: a number that now belongs to another program is not ours.
is_running() { [ "$(basename "$(readlink "/proc/$2/exe" 2>/dev/null | sed 's/ (deleted)$//')")" = "$1" ]; }

# The id of the process that was started last, when it runs.
process_of() {
    local pid
    [ ! -f "$state/run/$1.pid" ] || { pid=$(cat "$state/run/$1.pid") && is_running "$1" "$pid" && printf '%s' "$pid"; } || true
}

stop_process() {
    local pid waited=0
    pid=$(process_of "$1")
    [ -n "$pid" ] || return 0
    kill -TERM "$pid" 2>/dev/null || true
    while is_running "$1" "$pid"; do
        [ "$waited" -lt $((stop_seconds * 10)) ] || kill -KILL "$pid" 2>/dev/null || true
        sleep 0.1
        waited=$((waited + 1))
    done
}

# start_process PROGRAM [OPTION]
start_process() {
    local variables=()
    mapfile -t variables < <(grep -E '^[A-Z_]+=' "$env_file")
    (cd "$state" && exec setsid env "DATABASE_URL=sqlite:$state/novitai.db" "${variables[@]}" "$prefix/current/$1" "${@:2}") \
        </dev/null >>"$state/run/$1.log" 2>&1 &
    printf '%s\n' "$!" >"$state/run/$1.pid"
}

# The new server takes over from the one that runs, so that no call fails. One that cannot leaves the one that runs as it was.
replace_server() {
    local before next status=0
    before=$(process_of novitaid)
    start_process novitaid --take-over
    next=$!
    [ -n "$before" ] || return 0
    # Both run until the old one has given everything back; whichever ends first says how it went.
    while is_running novitaid "$before" && kill -0 "$next" 2>/dev/null; do sleep 0.1; done
    is_running novitaid "$before" || return 0
    wait "$next" || status=$?
    printf '%s\n' "$before" >"$state/run/novitaid.pid"
    # EX_TEMPFAIL: one of a release that hands nothing over owns the database.
    [ "$status" = 75 ] || return 1
    stop_process novitaid
    start_process novitaid
}

restart() {
    case $mode in
    compose) compose compose.prod.yaml up --detach --no-build ;;
    systemd) systemctl restart novitaid.service novitai-sidecar.service ;;
    process)
        (
            umask 077
            mkdir -p "$state/run"
        )
        replace_server || return 1
        stop_process novitai-sidecar
        start_process novitai-sidecar
        ;;
    esac
}

report() {
    case $mode in
    compose)
        compose compose.prod.yaml ps
        compose compose.prod.yaml logs --tail 20
        ;;
    systemd)
        systemctl --no-pager status novitaid.service novitai-sidecar.service || true
        journalctl --no-pager --lines 20 --unit novitaid.service || true
        ;;
    process) tail -n 20 "$state"/run/*.log ;;
    esac
    curl --silent --show-error --noproxy '*' --max-time 5 "$url/health" || true
}

# activate RELEASE
activate() {
    if [ "$mode" = compose ]; then export IMAGE_TAG="$1"; else link current "$1"; fi
    restart
}

case $mode in
compose)
    compose_variables
    previous=$(compose_previous)
    ;;
*) previous=$(linked current) ;;
esac
if [ -n "$back" ]; then
    if [ "$mode" = compose ]; then release=$(cat "$secrets/previous" 2>/dev/null || true); else release=$(linked previous); fi
    [ -n "$release" ] || fail "there is no release before this one"
fi
if [ -n "$dry" ]; then
    printf 'would %s the release %s by %s; now: %s\n' "$([ -n "$back" ] && echo "put back" || echo deploy)" "$release" "$mode" "${previous:-none}"
    exit 0
fi

# --- build

case $mode in
compose)
    compose_prepare
    [ -n "$back" ] || { say "Building" && compose compose.prod.yaml build; }
    ;;
*)
    if [ -z "$back" ]; then
        if [ -z "$binaries" ]; then
            require_toolchain
            say "Building"
            for program in novitaid novitai-sidecar novitai; do swift build "${release_options[@]}" --product "$program"; done
            binaries=$(swift build "${release_options[@]}" --show-bin-path)
        fi
        # As the service will read them: its own words for whatever is wrong, and its status 78.
        mapfile -t variables < <(grep -E '^[A-Z_]+=' "$env_file")
        (cd / && exec env "${variables[@]}" "$binaries/novitaid" config check >/dev/null)
        install_release
    fi
    ;;
esac

# --- deploy

say "Deploying $release"
if activate "$release" && wait_ready "$url" "$ready_seconds"; then
    if [ -n "$previous" ] && [ "$previous" != "$release" ]; then
        if [ "$mode" = compose ]; then
            mkdir -p "$secrets"
            printf '%s\n' "$previous" >"$secrets/previous"
        else
            link previous "$previous"
        fi
    fi
    say "Ready: $release, $url/health"
    exit 0
fi
report
if [ -n "$previous" ] && [ "$previous" != "$release" ]; then
    say "Not ready; putting $previous back"
    { activate "$previous" && wait_ready "$url" "$ready_seconds"; } || fail "$release was not ready, and neither is $previous"
    fail "$release was not ready within $ready_seconds s; $previous serves again"
fi
fail "$release was not ready within $ready_seconds s, and there is none before it to put back"
