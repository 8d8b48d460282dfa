#include "postgres.h"

#include "employee.h"

/* Find a column that every employee has */
static void
BindColumn(Column *column, TupleDesc desc, const char *name)
{
	if (!ColumnFind(column, desc, name))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("an employee has no column \"%s\"", name),
				 errhint("Pass rows of a company's table employee.")));
}

/* Find a column that a connection chose, -1 where it chose none */
static void
BindChoice(Column *column, TupleDesc desc, const char *name)
{
	column->index = -1;
	if (name != NULL)
		BindColumn(column, desc, name);
}

/* Find the columns that decide */
void
EmployeeBind(EmployeeColumns *columns, TupleDesc desc, const char *identifier, const char *email)
{
	BindChoice(&columns->identifier, desc, identifier);
	BindColumn(&columns->email, desc, email ? email : "work_email");
	BindColumn(&columns->remote_id, desc, "remote_id");
	BindColumn(&columns->identifier_key, desc, "identifier_key");
	BindColumn(&columns->name, desc, "name");
	BindColumn(&columns->first_name, desc, "first_name");
	BindColumn(&columns->last_name, desc, "last_name");
	BindColumn(&columns->manager, desc, "manager");
	BindColumn(&columns->employment_status, desc, "employment_status");
	BindColumn(&columns->problems, desc, "problems");
	BindColumn(&columns->unknown, desc, "unknown");
	BindColumn(&columns->shrunk, desc, "shrunk");
	BindColumn(&columns->missing_since, desc, "missing_since");
	BindColumn(&columns->changes_on, desc, "changes_on");
}

/* Make a name of its parts */
char *
NameJoin(char *first, char *last)
{
	if (first != NULL && last != NULL)
		return psprintf("%s %s", first, last);
	return first ? first : last;
}

/* Read the name, or make it of its parts */
char *
EmployeeName(const EmployeeColumns *columns, const Row *row)
{
	if (!ColumnIsNull(&columns->name, row))
		return ColumnText(&columns->name, row);
	return NameJoin(ColumnText(&columns->first_name, row), ColumnText(&columns->last_name, row));
}
