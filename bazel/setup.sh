# Sourced by .ci/run and the scripts of this folder: installs the Debian packages they need, and finds Bazel.
# shellcheck shell=bash

brigade_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly brigade_root
readonly brigade_packages=("$brigade_root/bazel/packages.txt" "$brigade_root/bazel/benchmark_packages.txt")

# Progress goes to stderr: stdout belongs to the program that a script runs.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
    say "$@"
    exit 1
}

# Debian's Bazel, whatever else is called bazel on this machine; BAZEL=... names another.
run_bazel() { (cd -- "$brigade_root" && "${BAZEL:-/usr/bin/bazel}" "$@"); }

# packages_in GROUP...: the packages of these groups, one a line.
packages_in() {
    local line group=
    while read -r line; do
        case $line in
        '' | '#'*) ;;
        '['*']') group=${line:1:-1} ;;
        *) [[ " $* " != *" $group "* ]] || printf '%s\n' "$line" ;;
        esac
    done < <(cat -- "${brigade_packages[@]}")
}

# missing_of PACKAGE...: those that are not installed.
missing_of() {
    local installed
    installed=$(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
        sed -n 's/^installed //p') || true
    printf '%s\n' "$@" | sort | comm -23 - <(sort -u <<<"$installed")
}

is_debian_12() {
    [[ $(uname -s) == Linux && -r /etc/os-release ]] || return 1
    local id
    # shellcheck source=/dev/null
    id=$(. /etc/os-release && printf '%s %s' "${ID:-}" "${VERSION_ID:-}")
    [[ $id == "debian 12" ]] && command -v dpkg-query >/dev/null
}

explain_unsupported() {
    say "packages can be set up on Debian 12 only; this is $(
        # shellcheck source=/dev/null
        (. /etc/os-release 2>/dev/null && printf '%s' "${PRETTY_NAME:-}") || true
        uname -sm | sed 's/^/ (/; s/$/)/'
    )."
    if [[ $(uname -s) != Linux ]]; then
        say "Brigade itself runs on Linux only (epoll, futex). A Debian 12 container or virtual machine will do."
    fi
    say "What is needed, by Debian's names:"
    packages_in "$@" | sed 's/^/    /' >&2
    say "WORKSPACE expects Bazel 4.2.3 and its rules where Debian puts them: /usr/bin/bazel (or \$BAZEL), /usr/share/bazel."
    say "Set BRIGADE_SKIP_SETUP=1 to go on without this check once all of that is there."
    exit 1
}

# Runs a command, as root, so that packages which bring a service (a web server) do not start it: Debian asks
# policy-rc.d for permission. An administrator's own policy stands.
readonly brigade_policy=/usr/sbin/policy-rc.d
without_starting_services() {
    if [[ -e $brigade_policy ]]; then
        as_root "$@"
        return
    fi
    trap 'as_root rm -f "$brigade_policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$brigade_policy" >/dev/null
    as_root chmod 755 "$brigade_policy"
    local status=0
    as_root "$@" || status=$?
    as_root rm -f "$brigade_policy"
    trap - EXIT
    return "$status"
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        sudo -- "$@"
    fi
}

# Bazel does not look at what it takes from the system, so it is told which versions are there: after an upgrade of the
# compilers it compiles anew, and after a library came or went it looks again for headers, of which Clang's layering
# check needs the full list. .bazelrc imports the file.
record_versions() {
    local file=$brigade_root/installed.bazelrc compilers libraries
    local -a packages
    mapfile -t packages < <(packages_in build)
    compilers=$(fingerprint_of "${packages[@]}" libc6-dev libstdc++-12-dev)
    mapfile -t packages < <(packages_in libraries examples openmp boost libevent libuv)
    libraries=$(fingerprint_of "${packages[@]}")
    local -a lines=(
        "# Written by bazel/setup.sh; stands for the versions of the packages that are installed."
        "build --action_env=BRIGADE_COMPILERS=$compilers"
        "build --repo_env=BAZEL_HOST_SYSTEM=$compilers-$libraries"
    )
    if ! printf '%s\n' "${lines[@]}" | cmp --silent - "$file"; then
        printf '%s\n' "${lines[@]}" >"$file.$$"
        mv -- "$file.$$" "$file"
    fi
}

fingerprint_of() {
    { dpkg-query --show "$@" 2>/dev/null || true; } | sha256sum | cut -c1-16
}

# set_up GROUP...: quick when everything is there.
set_up() {
    if [[ ${BRIGADE_SKIP_SETUP:-0} != 0 ]]; then
        return
    fi
    is_debian_12 || explain_unsupported "$@"
    install_missing "$@"
    record_versions
}

install_missing() {
    local -a wanted missing
    mapfile -t wanted < <(packages_in "$@")
    mapfile -t missing < <(missing_of "${wanted[@]}")
    if ((${#missing[@]} == 0)); then
        return
    fi

    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    if ((EUID != 0)) && ! command -v sudo >/dev/null; then
        say "not root, and there is no sudo. As root, run:"
        die "    apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    fi
    local -a apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    as_root "${apt[@]}" --quiet update >&2 || say "apt-get update failed; trying with the lists that are there"
    without_starting_services "${apt[@]}" --quiet --yes --no-install-recommends install "${missing[@]}" >&2 ||
        die "could not install the packages; the lines above say why"
    if [[ " ${missing[*]} " == *" nginx"* && -d /run/systemd/system ]]; then
        as_root systemctl --quiet disable nginx || true # nor at the next boot
    fi
}
