# shellcheck shell=bash
# Sourced by its neighbours. `prepare EXTRA` makes .venv beside the scripts and installs triortc[EXTRA] into it,
# editable, when pyproject.toml has changed since the last time.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv

find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "triortc needs Python 3.11 or newer; on Debian and Ubuntu: sudo apt install python3 python3-venv" >&2
    return 1
}

make_venv() {
    local python
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$python has no venv module; on Debian and Ubuntu: sudo apt install python3-venv" >&2
        return 1
    fi
    "$python" -m venv "$venv"
}

prepare() {
    local extra=$1 wanted
    local stamp=$venv/.installed-$extra
    wanted="$root $(cksum <"$root/pyproject.toml")"
    if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then
        return
    fi
    "$venv/bin/python" -c 'import pip' 2>/dev/null || make_venv
    echo "Installing triortc[$extra] into $venv ..." >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable "${root}[$extra]"
    echo "$wanted" >"$stamp"
}
