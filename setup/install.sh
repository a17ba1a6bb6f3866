#!/bin/bash
# Installs what the rest of the Makefile needs: apt packages (setup/apt-packages.txt) and a virtualenv (.venv, hashed requirements).
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t wanted < <(sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' setup/apt-packages.txt)
missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
  [[ $state == ii* ]] || missing+=("$package")
done
if ((${#missing[@]})); then
  echo "setup: apt-get install ${missing[*]}"
  if [[ $(id -u) != 0 ]]; then
    echo "setup: run this once as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  # --no-install-recommends: guestfs-tools recommends a kernel package and its boot loader for this host.
  apt-get -qq install --no-install-recommends -y "${missing[@]}" >/dev/null
fi

# supermin (libguestfs) wants the folder to exist, also where SUPERMIN_MODULES names another; a container has none.
[[ -d /lib/modules || $(id -u) != 0 ]] || mkdir /lib/modules

if ! [[ -f .venv/.requirements ]] || ! cmp -s setup/requirements.txt .venv/.requirements; then
  echo "setup: .venv"
  # Debian's interpreter, not pyenv's: its libpython is a third of the size (FACTS-boot 4).
  /usr/bin/python3 -m venv --clear .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r setup/requirements.txt
  .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
  cp setup/requirements.txt .venv/.requirements
fi
touch .venv/.complete
