# shellcheck shell=bash
# Sourced by the deploy scripts: waiting for health, making tokens, and the ways in which the programs are run.

# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Seconds between two looks at a service that is starting.
readonly poll_seconds=2

usage_error() {
    usage >&2
    exit 2
}

# The value of a variable: of the environment, else of the settings' file that the script names, else nothing.
setting() {
    local value=${!1:-} env_file=${env_file:?}
    [ -n "$value" ] || [ ! -f "$env_file" ] || value=$(sed -n "s/^ *\(export \)\{0,1\}$1=//p" "$env_file" | tail -n 1 | sed "s/^['\"]\(.*\)['\"]\$/\1/")
    printf '%s' "$value"
}

# wait_ready URL SECONDS: until the sidecar says that the server takes requests and its store writes.
wait_ready() {
    local waited=0
    until curl --silent --fail --noproxy '*' --output /dev/null --max-time 5 "$1/readyz"; do
        [ "$waited" -lt "$2" ] || return 1
        sleep "$poll_seconds"
        waited=$((waited + poll_seconds))
    done
}

# make_tokens FOLDER: principals and their tokens where there are none: an admin for people, a monitor for the sidecar. The server keeps
# digests only. FOLDER/server and FOLDER/sidecar are what the containers see, as folders: a file that is replaced, as `novitaid token revoke`
# does, would stay the old one in a container that it is mounted into by itself. A container's user must be able to read them, so it is
# FOLDER that keeps others out.
make_tokens() {
    local folder=$1 role token digest separator='' content='{"tokens": ['
    [ ! -f "$folder/server/tokens.json" ] || return 0
    (
        umask 077
        mkdir -p "$folder"
    )
    mkdir -p "$folder/server" "$folder/sidecar"
    chmod 0755 "$folder/server" "$folder/sidecar"
    for role in admin monitor; do
        token=$(head -c 32 /dev/urandom | od -A n -t x1 | tr -d ' \n')
        digest=$(printf '%s' "$token" | sha256sum | cut -d ' ' -f 1)
        content+="$separator{\"id\": \"$role\", \"sha256\": \"$digest\", \"tenant\": \"default\", \"role\": \"$role\"}"
        separator=', '
        (
            umask 077
            printf '%s\n' "$token" >"$folder/$role.token"
        )
    done
    mv "$folder/monitor.token" "$folder/sidecar/"
    # Last: it says that the others are there.
    printf '%s]}\n' "$content" >"$folder/server/tokens.json"
    chmod 0644 "$folder/server/tokens.json" "$folder/sidecar/monitor.token"
}

has_compose() { [ -f "$root/compose/compose.yaml" ] && command -v docker >/dev/null && docker compose version >/dev/null 2>&1; }

# compose FILE COMMAND …: on top of the base, with what the contract says and nothing else.
compose() {
    local file=$1
    shift
    docker compose --project-directory "$root" --env-file "$env_file" -f "$root/compose/compose.yaml" -f "$root/compose/$file" "$@"
}
