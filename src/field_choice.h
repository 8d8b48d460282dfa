/*
 * Choices of a field: the values that a check of its column admits.
 */
#ifndef STAKESYNC_FIELD_CHOICE_H
#define STAKESYNC_FIELD_CHOICE_H

#include "postgres.h"

#include "mapping.h"
#include "nodes/pg_list.h"

/*
 * A rule's type and choices, from what is known of the field, from the
 * employee's column, or where there is none from the register's. False if
 * neither has it.
 */
extern bool FieldRuleType(Oid employee, Oid stakeholder, MappingRule *rule);

#endif							/* STAKESYNC_FIELD_CHOICE_H */
