/*
 * Running SQL on a company's tables.
 *
 * Statements are templates: @company@ and @extension@ stand for the quoted
 * schemas, so that all names are qualified whatever the search_path. Types of
 * arguments are one letter each:
 *
 *	t	text (char *, NULL for null)	i	int8 (int64)
 *	b	boolean (int)					j	jsonb (char *, NULL for null)
 *	a	text[] (Datum, 0 for null)		y	bytea (Datum, 0 for null)
 *	z	timestamptz (int64, 0 for null)	d	date (int)
 *
 * SPI must be connected. Results are read from the last statement run.
 */
#ifndef STAKESYNC_SQL_H
#define STAKESYNC_SQL_H

#include "postgres.h"

#include "company.h"

/* The statement with the schemas filled in */
extern char *SqlExpand(const Company *company, const char *template);

/* Run a statement; returns the number of rows it returned or touched */
extern uint64 SqlRun(const Company *company, const char *template, const char *types,...);

/* As SqlRun, reading no more than limit rows */
extern uint64 SqlRunFor(const Company *company, const char *template, long limit, const char *types,...);

/* Values of the last result; NULL where null. Text is in the caller's context. */
extern char *SqlText(uint64 row, int column);
extern int64 SqlInt(uint64 row, int column);
extern bool SqlBool(uint64 row, int column);
extern Datum SqlDatum(uint64 row, int column, bool *isnull);

/* An array of the last result's first row, copied; raises on another type */
extern Datum SqlArray(int column, Oid type);

/*
 * Until the context is left, join by hashing: for statements on so many rows
 * whose number the planner cannot know
 */
extern void SqlExpectMany(int64 rows);

/* Run several statements of a script, as of an install script */
extern void SqlScript(const Company *company, const char *script);

#endif							/* STAKESYNC_SQL_H */
