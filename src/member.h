/*
 * Reading members of a jsonb.
 */
#ifndef STAKESYNC_MEMBER_H
#define STAKESYNC_MEMBER_H

#include "postgres.h"

#include "utils/jsonb.h"

/* Find a member of an object; false if there is none, or no object */
extern bool MemberFind(JsonbContainer *object, const char *name, JsonbValue *value);

/* A member as text; NULL where it is absent, null, or an object or array */
extern char *MemberText(JsonbContainer *object, const char *name);

/* A scalar as text; NULL where it is null or no scalar */
extern char *ScalarText(const JsonbValue *value);

/* A member that is a boolean, or what it is by default */
extern bool MemberBool(JsonbContainer *object, const char *name, bool by_default);

/* A member that is an object or array, or NULL */
extern JsonbContainer *MemberContainer(JsonbContainer *object, const char *name);

/* Elements of an array that are objects or arrays, NULL behind the last */
extern JsonbContainer **ContainerElements(JsonbContainer *array);

/* Elements of an array that are scalars, as text; count in *count */
extern char **TextElements(JsonbContainer *array, int *count);

#endif							/* STAKESYNC_MEMBER_H */
