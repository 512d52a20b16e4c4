#!/bin/sh
# Pins what run, dev and data need, with the hash of every file of each release, whatever the platform.
# Usage: requirements/lock.sh PIP_COMPILE [--upgrade]
set -eu
cd "$(dirname "$0")/.."
compile=$1
shift

# The machine's own pip settings (a folder of wheels, say) would add hashes that nobody else can match.
export PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= PIP_EXTRA_INDEX_URL=
export CUSTOM_COMPILE_COMMAND="make lock"

lock() {
    "$compile" --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links \
        --no-emit-trusted-host "$@"
}

lock "$@" --extra server --extra graphql --extra postgres --output-file requirements/run.txt pyproject.toml requirements/build.in
lock "$@" --extra server --extra graphql --extra postgres --extra nats --output-file requirements/dev.txt pyproject.toml requirements/build.in requirements/dev.in
# Without their dependencies: those are declared unsafe, which leaves them out, and their notice is cut off.
"$compile" --quiet --generate-hashes --no-allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links \
    --no-emit-trusted-host --unsafe-package pandas --unsafe-package numpy --unsafe-package python-dateutil \
    --unsafe-package six --unsafe-package tzdata "$@" --output-file requirements/data.txt requirements/data.in 2>/dev/null
sed '/^# WARNING/,$d' requirements/data.txt >requirements/data.tmp
mv requirements/data.tmp requirements/data.txt
