# shellcheck shell=bash
# Installing what is missing. To be sourced.

# Installs the Debian packages named as arguments unless they are installed; asks apt-get only when one is missing.
install_missing_packages() {
    local package missing=() administrator=()
    for package in "$@"; do
        [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        command -v sudo >/dev/null || {
            echo "missing packages: ${missing[*]}; install them as root, or install sudo" >&2
            return 69
        }
        administrator=(sudo)
    fi
    echo "installing ${missing[*]}" >&2
    "${administrator[@]}" apt-get update --quiet --quiet >&2
    "${administrator[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends "${missing[@]}" >&2
}
