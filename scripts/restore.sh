#!/usr/bin/env bash
# A backup set becomes a database again.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: scripts/restore.sh --from SET [--database PATH] [--dry-run] [--help]

Checks every file of the set against its manifest, then puts the state in the place of the database, which must not be there: to
replace one, stop its novitaid and move it away first. The keys that the manifest names (key_ids) must be at hand, as novitaid takes them:
SECRETS_KEY, or the file PATH.key beside the database. Watches of the restored server begin anew, and it only observes: it changes nothing
at the provider until `novitai server activate`.

  --from SET        the folder that scripts/backup.sh wrote
  --database PATH   where to [that of DATABASE_URL, as novitaid reads it]
  --dry-run         checks the set and writes nothing
  --help            this text

NOVITAID names the program when it is not in PATH. Exit status: 0 done, 2 usage, 75 the database is in use, 78 a key is
missing, otherwise not 0: nothing was changed.
TEXT
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

set='' database='' dry=''
while [ $# -gt 0 ]; do
    case $1 in
    --from | --database)
        [ $# -ge 2 ] || {
            usage >&2
            exit 2
        }
        if [ "$1" = --from ]; then set=${2%/}; else database=$2; fi
        shift 2
        ;;
    --dry-run)
        dry=1
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
[ -n "$set" ] || {
    usage >&2
    exit 2
}
manifest="$set/manifest.json"
[ -f "$manifest" ] || fail "$set is no backup set: it has no manifest.json"
grep -q '"format": "novitai-backup/1"' "$manifest" || fail "$manifest is of another format"
grep -q '"state.db.gz"' "$manifest" || fail "$manifest names no state"
digest() { sha256sum "$1" | cut -d ' ' -f 1; }
while read -r file expected; do
    [ -f "$set/$file" ] || fail "$set/$file is missing"
    [ "$(digest "$set/$file")" = "$expected" ] || fail "$set/$file is damaged: its checksum is not that of the manifest"
done < <(sed -n 's/^    "\([A-Za-z0-9._-]*\)": "\([0-9a-f]\{64\}\)",\{0,1\}$/\1 \2/p' "$manifest")
state_digest=$(sed -n 's/.*"state_sha256": "\([0-9a-f]*\)".*/\1/p' "$manifest")

umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
gunzip --to-stdout "$set/state.db.gz" >"$scratch/state.db" || fail "$set/state.db.gz is damaged"
[ "$(digest "$scratch/state.db")" = "$state_digest" ] || fail "the state in $set is not what the server sent"
if [ -n "$dry" ]; then
    printf '%s is whole\n' "$set"
    exit 0
fi
novitaid=${NOVITAID:-$(command -v novitaid || true)}
[ -n "$novitaid" ] || fail "novitaid is not in PATH and NOVITAID does not name it"
arguments=(--from "$scratch/state.db" --sha256 "$state_digest")
[ -z "$database" ] || arguments+=(--database-url "sqlite:$database")
"$novitaid" restore "${arguments[@]}"
