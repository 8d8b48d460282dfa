/*
 * Gaps: for how many people the HR system lacks each mapped field.
 *
 * The view data_gap reads what is counted here, once a merge, so that it need
 * not look at the people itself. A key that does not come any more leaves the
 * value of before in the picture: such a person lacks the field all the same.
 * Who has a value that could not be taken does not lack it.
 */
#include "postgres.h"

#include "gap.h"
#include "lib/stringinfo.h"
#include "reading.h"
#include "sql.h"
#include "utils/builtins.h"

/*
 * Store the counts. People are counted in groups of those who lack the same
 * keys and have problems with the same fields, of which there are few. A field
 * that most people had and nobody has any more is noted as lost: some systems
 * answer null where a permission went.
 */
static void
StoreCounts(Company *company, const char *connection, List *rules)
{
	StringInfoData fields;
	StringInfoData refused;
	StringInfoData counts;
	ListCell   *lc;

	initStringInfo(&fields);
	initStringInfo(&refused);
	initStringInfo(&counts);
	foreach(lc, rules)
	{
		const MappingRule *rule = lfirst(lc);
		const char *between = foreach_current_index(lc) > 0 ? ", " : "";

		appendStringInfo(&fields, "%s%s", between, quote_literal_cstr(rule->field));
		appendStringInfo(&refused, "%s%s", between, MappingRefused(rule, NULL) != 0 ? "true" : "false");
		appendStringInfo(&counts, "%scount(e.%s)", between, quote_identifier(rule->field));
	}
	SqlRun(company,
		   psprintf("INSERT INTO @company@._gap AS g (connection, field, people, filled, absent, refused) "
					"SELECT $1, v.field, pg_catalog.sum(n.people), "
					"pg_catalog.sum(CASE WHEN v.field <> ALL (n.unknown) THEN v.filled WHEN n.problems ? v.field THEN n.people ELSE 0 END), "
					"pg_catalog.sum(CASE WHEN v.field <> ALL (n.unknown) OR n.problems ? v.field THEN 0 ELSE n.people END), "
					"pg_catalog.bool_or(v.refused) "
					"FROM (SELECT coalesce(e.unknown, '{}') AS unknown, "
					"coalesce(pg_catalog.jsonb_path_query_array(e.problems, '$[*].field'), '[]') AS problems, "
					"count(*) AS people, ARRAY[%s] AS filled FROM @company@.employee e "
					"WHERE e.connection = $1 AND e.missing_since IS NULL AND NOT e.shrunk GROUP BY 1, 2) n "
					"CROSS JOIN LATERAL unnest(ARRAY[%s], n.filled, ARRAY[%s]) AS v(field, filled, refused) "
					"GROUP BY v.field "
					"ON CONFLICT (connection, field) DO UPDATE SET people = excluded.people, filled = excluded.filled, "
					"absent = excluded.absent, refused = excluded.refused, "
					"lost_at = CASE WHEN excluded.filled > 0 THEN NULL WHEN g.filled * 2 > g.people THEN pg_catalog.now() ELSE g.lost_at END",
					counts.data, fields.data, refused.data), "t", connection);
}

/* Count anew */
void
GapCount(Company *company, const char *connection)
{
	List	   *rules = ReadingRules(company, connection, NULL);

	SqlRun(company, "DELETE FROM @company@._gap g WHERE g.connection = $1 "
		   "AND NOT EXISTS (SELECT FROM @company@.mapping m WHERE m.connection = g.connection AND m.field = g.field)",
		   "t", connection);
	if (rules != NIL)
		StoreCounts(company, connection, rules);
}
