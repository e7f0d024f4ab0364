# Sourced by the scripts beside it: `environment FOLDER EXTRAS GROUP…` makes a virtual environment with this
# project installed editable (EXTRAS empty: the groups alone), once for each state of pyproject.toml. Needs nothing but Python 3.11 or newer.

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "error: no Python 3.11 or newer with venv found; set PYTHON to one" >&2
    return 2
}

environment() {
    local folder=$1 extras=$2 python stamp group what=()
    shift 2
    [ -n "$extras" ] && what+=(--editable ".[$extras]")
    for group in "$@"; do what+=(--group "$group"); done
    stamp="$folder/.installed-$(cksum <pyproject.toml | tr ' ' '-')"
    [ -e "$stamp" ] && return
    # Two scripts that start at once would clear each other's: the second waits, and finds it done. (macOS has no flock.)
    if command -v flock >/dev/null; then
        exec 9>"$folder.lock"
        flock 9
        [ -e "$stamp" ] && exec 9>&- && return
    fi
    python=$(find_python) || return
    echo "installing into $folder ([$extras] $*) …" >&2
    "$python" -m venv --clear "$folder"
    # `--group` needs pip 25.1, newer than the one that comes with some Pythons.
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' 2>&1 | quiet
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "${what[@]}" 2>&1 | quiet
    touch "$stamp"
    exec 9>&-
}

# pip warns about configured index folders that do not exist; everything else it says is worth seeing.
quiet() { grep -v 'is ignored: it is neither a file nor a directory' >&2 || [ $? = 1 ]; }
