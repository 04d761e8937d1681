# Same as the macros systemd_post and journal_catalog_update: presets decide whether the service is enabled.
if [ $1 -eq 1 ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload preset oomtrace.service || :
fi
journalctl --update-catalog >/dev/null 2>&1 || :
