#!/bin/sh
# Written by guest-customizer. Runs the steps beside it once, in order, at the first boot; then takes its hook away.
# Any POSIX sh: it runs in the guest, from EL6's bash to Debian's dash.
umask 077
state=/var/lib/guest-customizer
here=$state/first-boot
log=$state/first-boot.log
report=$state/first-boot.json
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# write_report ENDED: null while steps are still to run. A machine that a step reboots, or that hangs in one, leaves it so.
write_report() {
  printf '{"id": "@ID@", "started": "%s", "ended": %s, "exit_status": %s, "steps": [%s]}\n' \
    "$started" "$1" "$worst" "$steps" >"$report.new"
  mv -f "$report.new" "$report"
}

run_steps() {
  for step in "$here"/steps/*; do
    [ -x "$step" ] || continue
    name=${step##*/}
    echo "$(now) $name: begins"
    (umask 022 && cd / && exec "$step") </dev/null
    status=$?
    echo "$(now) $name: exit status $status"
    [ "$status" = 0 ] || worst=$status
    # Step names are ours: digits, letters, dots and dashes, so they need no escapes in JSON.
    steps="$steps${steps:+, }{\"step\": \"$name\", \"exit_status\": $status}"
    write_report null
  done
  write_report "\"$(now)\""
}

# The marker goes first: a step that reboots the machine must not start everything again.
if [ -e "$here/pending" ]; then
  started=$(now)
  steps=
  worst=0
  write_report null
  rm -f "$here/pending"
  sync
  run_steps >>"$log" 2>&1
fi
@UNHOOK@
rm -rf "$here"
