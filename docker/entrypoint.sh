#!/usr/bin/env bash
# What a container runs: any command of second-skin, or `simulated`: an emulated suit and the service on it.
# Both in one container: the suit's ports are pseudo-terminals, which do not reach into another one.
set -euo pipefail

if [[ ${1:-} != simulated ]]; then
    exec second-skin "$@"
fi
shift
folder=$(mktemp -d)
# Both end in order before the container does.
trap 'kill $(jobs -p) 2> /dev/null || true; wait' EXIT
trap 'exit 0' TERM INT
second-skin simulate --dir "$folder" --loop "$@" &
suit=$!
until [[ -e $folder/simulation.json ]]; do
    kill -0 "$suit" || { echo "entrypoint: the emulated suit did not start" >&2 && exit 1; }
    sleep 0.2
done
second-skin run --config "$folder/suit.toml" &
# Whichever ends first ends the container; the restart policy brings both back.
status=0
wait -n || status=$?
exit "$status"
