# Sourced by run_all.sh and run_tests.sh in the project's folder: makes .venv, or reuses it while
# pyproject.toml is what it was made from.

say() { printf '== %s\n' "$*" >&2; }
cores() { getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1; }

find_python() {
  local name
  for name in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 &&
      "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  say "No Python 3.11 or newer found; install one, or name it: PYTHON=/path/to/python $0"
  exit 2
}

make_environment() {
  local python log=.venv/install.log
  python=$(find_python)
  say "Making the environment .venv with $("$python" --version) (torch and what it needs: 5 GB, a few minutes)"
  "$python" -m venv .venv
  if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test]' >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    say "The installation failed; the whole log is in $log"
    exit 1
  fi
  cp pyproject.toml .venv/made-from.toml
}

if cmp -s pyproject.toml .venv/made-from.toml; then
  say "Using the environment .venv"
else
  make_environment
fi
