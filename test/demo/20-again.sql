SELECT state, mode, complete, added, changed, missing, message FROM stakesync_fetch(mode => 'full');
SELECT sync_id, state, created, updated, unchanged, invalid FROM stakesync_apply(stakesync_plan());
