/*
 * Companies: which one a call means, and acting as its owner.
 */
#ifndef STAKESYNC_COMPANY_H
#define STAKESYNC_COMPANY_H

#include "postgres.h"

#include "utils/acl.h"

/* The layout of a company's tables that this library writes */
#define COMPANY_LAYOUT 1

typedef struct Company
{
	Oid			schema;
	Oid			owner;
	const char *name;			/* as it is */
	const char *quoted;			/* as an identifier */
	const char *extension;		/* the extension's schema, as an identifier */
} Company;

/* What a call holds while it acts as the company's owner */
typedef struct CompanyContext
{
	Company    *company;
	MemoryContext outer;		/* the caller's; results that outlive the call
								 * are copied here */
	Oid			caller;
	int			security;		/* of the caller */
	int			guc_level;
	bool		writes;
	char	   *deferred;		/* constraints to defer again, or NULL */
} CompanyContext;

/* The company a call means: named, or by search_path, or the only one */
extern Company *CompanyResolve(const char *name);

/* As CompanyResolve, but NULL where there is no company at all yet */
extern Company *CompanyResolveOrNull(const char *name);

/* Check that the caller holds privilege on a table or view of the company */
extern void CompanyCheck(const Company *company, const char *relation, AclMode privilege);

/*
 * Check that the caller holds privilege on a table or view of the company,
 * then act as the company's owner, restricted, search_path fixed, SPI
 * connected, until CompanyLeave. An error undoes it too. With writes, refuses
 * read-only transactions and companies of an older layout.
 */
extern CompanyContext *CompanyEnter(Company *company, const char *relation,
									AclMode privilege, bool writes, const char *call);
extern void CompanyLeave(CompanyContext *context);

/*
 * In a worker, who got the owner's order: a transaction of its own as the
 * owner of the company of a schema. Leaves the memory context as it was.
 */
extern CompanyContext *CompanyBegin(Oid schema, const char *lock_timeout);
extern void CompanyCommit(CompanyContext *context);

/* Make a company owned by the caller; timezone NULL for the session's */
extern Company *CompanyCreate(const char *name, const char *timezone);

/* Make the one that a first connection or field makes by itself, and say so */
extern Company *CompanyMakeDefault(void);

/* The company of a schema; raises if the schema is none */
extern Company *CompanyBySchema(Oid schema);
extern bool CompanyIsSchema(Oid schema);

/* The extension's schema, and as an identifier */
extern Oid	ExtensionSchemaOid(void);
extern const char *ExtensionSchema(void);

/* Oid of one of the company's relations; raises if it is not there */
extern Oid	CompanyRelation(const Company *company, const char *relation);

/* True while this backend writes a company's records for stakesync itself */
extern bool CompanyInside(void);
extern void CompanyBeginInside(void);
extern void CompanyEndInside(void);

/* Name of the caller behind a call, for columns that say by whom */
extern const char *CompanyCaller(void);

#endif							/* STAKESYNC_COMPANY_H */
