\getenv simulator STAKESYNC_SIM_URL
CREATE EXTENSION stakesync;
SELECT provider, name, recommended_identifiers FROM stakesync_provider WHERE via = 'direct';
SELECT * FROM stakesync_connect('merge', '{"api_key": "merge-test-key", "account_token": "merge-test-account"}', settings => jsonb_build_object('base_url', :'simulator'), accept_terms => true);
SELECT * FROM stakesync_configure(identifier => 'employee_number', email => 'work_email', import => '{manager,mobile_phone}');
SELECT state, complete, added, changed, missing, message FROM stakesync_fetch();
SELECT field, employees, filled, distinct_values, chosen, note FROM stakesync_configure();
SELECT action, people, holds, message FROM stakesync.preview_summary;
SELECT identifier, name, action, problems FROM stakesync_preview() WHERE action <> 'create';
SELECT field, new_value, state FROM stakesync.preview_change WHERE identifier = '000123';
SELECT sync_id, state, created, updated, conflicts, invalid, failed FROM stakesync_apply(stakesync_plan());
SELECT count(*) AS stakeholders, count(manager_id) AS with_manager, count(DISTINCT country) AS countries FROM stakesync.stakeholder;
SELECT group_name, count(*) FROM stakesync.stakeholder GROUP BY group_name ORDER BY count(*) DESC LIMIT 5;
