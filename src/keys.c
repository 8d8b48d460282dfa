#include "postgres.h"

#include "executor/spi.h"
#include "keys.h"
#include "sql.h"
#include "utils/builtins.h"

/* Source fields that can identify people */
const char *const KeysCandidates[] = {"employee_number", "work_email", "personal_email", "remote_id", NULL};

/* True if a field can be the identifier */
bool
KeysIsCandidate(const char *field)
{
	for (int i = 0; KeysCandidates[i]; i++)
		if (strcmp(KeysCandidates[i], field) == 0)
			return true;
	return false;
}

/* Make identifier_key and email_key again from the configured fields */
void
KeysRebuild(Company *company, const char *connection)
{
	char	   *identifier;
	const char *email;

	SqlRun(company, "SELECT identifier, coalesce(email, 'work_email') "
		   "FROM @company@.connection WHERE connection = $1", "t", connection);
	identifier = SqlText(0, 1);
	identifier = identifier ? pstrdup(quote_identifier(identifier)) : "NULL::text";
	email = quote_identifier(SqlText(0, 2));
	SqlRun(company,
		   psprintf("UPDATE @company@.employee SET identifier_key = @extension@.stakesync_canonical_identifier(%s), "
					"email_key = @extension@.stakesync_canonical(%s) "
					"WHERE connection = $1 AND (identifier_key IS DISTINCT FROM @extension@.stakesync_canonical_identifier(%s) "
					"OR email_key IS DISTINCT FROM @extension@.stakesync_canonical(%s))",
					identifier, email, identifier, email), "t", connection);
	KeysFindClaims(company, connection);
}

/* Note which keys several present records claim */
void
KeysFindClaims(Company *company, const char *connection)
{
	static const char *const kinds[] = {"identifier", "email", "name"};

	SqlRun(company, "DELETE FROM @company@._claim WHERE connection = $1", "t", connection);
	for (int i = 0; i < lengthof(kinds); i++)
		SqlRun(company,
			   psprintf("INSERT INTO @company@._claim (key, what, connection, remote_ids) "
						"SELECT %s_key, '%s', $1, pg_catalog.array_agg(remote_id ORDER BY remote_id) "
						"FROM @company@.employee WHERE connection = $1 AND missing_since IS NULL AND %s_key IS NOT NULL "
						"GROUP BY %s_key HAVING pg_catalog.count(*) > 1", kinds[i], kinds[i], kinds[i], kinds[i]),
			   "t", connection);
}

/*
 * Note whose line of managers leads back to himself. Who can be reached from
 * the top is in no circle; of the few others, each walks up until he meets
 * himself or somebody twice.
 */
void
KeysFindCycles(Company *company, const char *connection)
{
	SqlRun(company, "DELETE FROM @company@._cycle WHERE connection = $1", "t", connection);
	SqlRun(company,
		   "WITH RECURSIVE person AS MATERIALIZED ("
		   "SELECT remote_id, manager FROM @company@.employee "
		   "WHERE connection = $1 AND missing_since IS NULL), "
		   "reached AS ("
		   "SELECT p.remote_id FROM person p WHERE p.manager IS NULL "
		   "OR NOT EXISTS (SELECT FROM person m WHERE m.remote_id = p.manager) "
		   "UNION ALL "
		   "SELECT p.remote_id FROM reached r JOIN person p ON p.manager = r.remote_id), "
		   "lost AS MATERIALIZED ("
		   "SELECT p.remote_id, p.manager FROM person p "
		   "WHERE NOT EXISTS (SELECT FROM reached r WHERE r.remote_id = p.remote_id)), "
		   "walk AS ("
		   "SELECT l.remote_id, l.manager AS at, ARRAY[l.remote_id] AS path, l.manager = l.remote_id AS closed FROM lost l "
		   "UNION ALL "
		   "SELECT w.remote_id, l.manager, w.path || l.remote_id, l.manager = w.remote_id "
		   "FROM walk w JOIN lost l ON l.remote_id = w.at "
		   "WHERE NOT w.closed AND l.remote_id <> ALL (w.path) AND pg_catalog.cardinality(w.path) < 1000) "
		   "INSERT INTO @company@._cycle (connection, remote_id, path) "
		   "SELECT $1, remote_id, pg_catalog.array_to_string(path || remote_id, ' > ') "
		   "FROM walk WHERE closed AND pg_catalog.cardinality(path) > 1", "t", connection);
}
