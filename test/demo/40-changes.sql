SELECT state, mode, complete, added, changed, missing, message FROM stakesync_fetch(mode => 'full');
SELECT identifier, name, action, changes, reason FROM stakesync_preview() WHERE action IN ('create', 'update', 'missing');
SELECT sync_id, state, created, updated, unchanged, missing FROM stakesync_apply(stakesync_plan());
SELECT stakeholder_id, field, old_value, new_value FROM stakesync.history WHERE sync_id = 3 AND old_value IS NOT NULL ORDER BY stakeholder_id, field;
SELECT sync_id, kind, state, created, updated FROM stakesync.sync_run ORDER BY sync_id;
