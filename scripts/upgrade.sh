#!/usr/bin/env bash
# Backup, deployment, verification; and back when it is not well.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: scripts/upgrade.sh [--backups FOLDER] [--no-backup] [--dry-run] [--help] [-- OPTION ...]

Makes a backup set of the running server, deploys as scripts/deploy-prod.sh does with the OPTIONs (it puts the release before it back when
the new one is not ready), and verifies what then runs.

  --backups FOLDER   where the set goes [BACKUP_DIR, else ./backups]
  --no-backup        for a server that is not running
  --dry-run          says what would be done
  --help             this text

As processes the new server takes the listening socket over from the old one (novitaid --take-over), under systemd the socket unit holds it:
calls that come between the one's end and the other's start wait for that, none fails, and watches are told to go on with their token. In a
compose project the container's port goes with the container: there callers get UNAVAILABLE for some seconds.
Exit status: 0 upgraded, 1 not: what runs then is said.
TEXT
}

backups=${BACKUP_DIR:-./backups} backup=1 dry=''
while [ $# -gt 0 ]; do
    case $1 in
    --backups)
        [ $# -ge 2 ] || {
            usage >&2
            exit 2
        }
        backups=$2
        shift 2
        ;;
    --no-backup)
        backup=''
        shift
        ;;
    --dry-run)
        dry=--dry-run
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    --)
        shift
        break
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
done
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -n "$backup" ]; then "$folder/backup.sh" --output "$backups" ${dry:+"$dry"}; fi
"$folder/deploy-prod.sh" "$@" ${dry:+"$dry"}
[ -n "$dry" ] || "$folder/verify-deployment.sh"
