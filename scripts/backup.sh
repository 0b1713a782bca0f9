#!/usr/bin/env bash
# A backup set of a running server: its state, its settings without secrets, and a manifest with checksums.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: scripts/backup.sh [--output FOLDER] [--keep N] [--dry-run] [--help]

Asks the running server for a consistent copy of its state, without stopping it, and writes a set into FOLDER:

  novitai-backup-YYYYMMDD_HHMMSS/state.db.gz     the state, compressed
  novitai-backup-YYYYMMDD_HHMMSS/settings.txt    the settings in force, secrets blanked (where novitaid is at hand)
  novitai-backup-YYYYMMDD_HHMMSS/manifest.json   what the set is, with the SHA-256 of each file

The set gets its name when it is whole. Then the oldest sets are removed, so that the newest N remain: complete sets only, nothing else
in FOLDER is touched.

  --output FOLDER   [BACKUP_DIR, else ./backups]; made with mode 0700
  --keep N          sets that remain [5]
  --dry-run         says what would be done
  --help            this text

NOVITAI_TARGET and NOVITAI_TOKEN (an admin's) reach the server; NOVITAI and NOVITAID name the programs when they are not in PATH.
The set has neither tokens nor the provider's key, and the values of containers' environments only sealed: the manifest names the keys that
open them (key_ids), which are kept elsewhere, as long as the set. Exit status: 0 done, 2 usage, otherwise nothing was written.
TEXT
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

folder=${BACKUP_DIR:-./backups} keep=5 dry=''
while [ $# -gt 0 ]; do
    case $1 in
    --output | --keep)
        [ $# -ge 2 ] || {
            usage >&2
            exit 2
        }
        if [ "$1" = --output ]; then folder=$2; else keep=$2; fi
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
[[ "$keep" =~ ^[1-9][0-9]*$ ]] || {
    printf 'error: --keep takes a number from 1, not "%s"\n' "$keep" >&2
    exit 2
}
novitai=${NOVITAI:-$(command -v novitai || true)} novitaid=${NOVITAID:-$(command -v novitaid || true)}
[ -n "$novitai" ] || fail "novitai is not in PATH and NOVITAI does not name it"

# The sets of the folder, oldest first: the name has the time.
sets() {
    local set
    for set in "$folder"/novitai-backup-[0-9]*_[0-9]*/manifest.json; do
        [ ! -f "$set" ] || dirname "$set"
    done | LC_ALL=C sort
}

name=novitai-backup-$(date -u +%Y%m%d_%H%M%S)
if [ -n "$dry" ]; then
    printf 'would write %s/%s\n' "$folder" "$name"
    sets | head -n -$((keep - 1)) | sed 's/^/would remove /'
    exit 0
fi

umask 077
mkdir -p "$folder"
partial="$folder/.$name.partial"
mkdir "$partial" || fail "another backup is being written to $folder"
trap 'rm -rf "$partial"' EXIT

answer=$("$novitai" backup --file "$partial/state.db" --output json) || fail "the server made no backup"
# Of the JSON the text or number of a member.
member() { sed -n "s/.*\"$1\" *: *\"\{0,1\}\([^\",}]*\).*/\1/p" <<<"$answer" | head -n 1; }
# The texts of a list, as JSON has them.
texts() { tr -d '\n' <<<"$answer" | sed -n "s/.*\"$1\" *: *\[\([^]]*\)\].*/\1/p" | tr -s ' ' | sed 's/^ //; s/ $//'; }
digest() { sha256sum "$1" | cut -d ' ' -f 1; }
state_digest=$(digest "$partial/state.db")
[ "$state_digest" = "$(member sha256)" ] || fail "the state is not what the server sent"
gzip "$partial/state.db"
[ -z "$novitaid" ] || "$novitaid" config check >"$partial/settings.txt" 2>/dev/null || rm -f "$partial/settings.txt"

{
    printf '{\n  "format": "novitai-backup/1",\n  "created": "%s",\n  "version": "%s",\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(member version)"
    printf '  "deployment": "%s",\n  "revision": "%s",\n' "$(member deploymentId)" "$(revision=$(member revision) && printf "%s" "${revision:-0}")"
    printf '  "key_ids": [%s],\n  "keep": %d,\n' "$(texts keyIds)" "$keep"
    printf '  "state_sha256": "%s",\n  "files": {\n' "$state_digest"
    files=("$partial"/*)
    for index in "${!files[@]}"; do
        printf '    "%s": "%s"' "$(basename "${files[$index]}")" "$(digest "${files[$index]}")"
        [ "$index" -eq $((${#files[@]} - 1)) ] && printf '\n' || printf ',\n'
    done
    printf '  }\n}\n'
} >"$folder/.$name.manifest"
mv "$folder/.$name.manifest" "$partial/manifest.json"
mv "$partial" "$folder/$name"
trap - EXIT
printf '%s\n' "$folder/$name"

sets | head -n -"$keep" | while IFS= read -r set; do
    rm -rf "$set"
    printf 'removed %s\n' "$set" >&2
done
