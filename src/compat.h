/*
 * Differences between PostgreSQL 15 and later.
 */
#ifndef STAKESYNC_COMPAT_H
#define STAKESYNC_COMPAT_H

#include "postgres.h"

#include "utils/acl.h"

#if PG_VERSION_NUM >= 160000
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_namespace.h"

#define pg_namespace_aclcheck(oid, role, mode) object_aclcheck(NamespaceRelationId, oid, role, mode)
#define pg_database_aclcheck(oid, role, mode) object_aclcheck(DatabaseRelationId, oid, role, mode)
#define pg_namespace_ownercheck(oid, role) object_ownercheck(NamespaceRelationId, oid, role)
#define pg_class_ownercheck(oid, role) object_ownercheck(RelationRelationId, oid, role)
#endif

#endif							/* STAKESYNC_COMPAT_H */
