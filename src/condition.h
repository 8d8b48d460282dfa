/*
 * Conditions: who is in scope.
 */
#ifndef STAKESYNC_CONDITION_H
#define STAKESYNC_CONDITION_H

#include "postgres.h"

#include "employee.h"
#include "utils/date.h"
#include "utils/jsonb.h"

typedef struct Condition Condition;

typedef struct Conditions
{
	int			count;
	Condition  *list;
} Conditions;

/* An operator's name as it is stored; raises for others, naming all */
extern const char *ConditionOperatorName(const char *name);

/* Check one condition on employees of a row type; raises what is wrong with it */
extern void ConditionCheck(const char *field, const char *operator, char **values, int count,
						   TupleDesc desc);

/* Conditions of a configuration, ready for employees of a row type */
extern Conditions *ConditionsCompile(JsonbContainer *array, const EmployeeColumns *columns,
									 TupleDesc desc, DateADT today);

/* The first condition that does not hold, or NULL */
extern const Condition *ConditionsFailing(const Conditions *conditions, const Row *employee);

/* True if a condition reads the field */
extern bool ConditionsRead(const Conditions *conditions, const char *field);

/* Why an employee is out of scope */
extern char *ConditionReason(const Condition *condition, const Row *employee);

/* A condition in words */
extern char *ConditionText(const char *field, const char *operator, char **values, int count);

#endif							/* STAKESYNC_CONDITION_H */
