/*
 * What the parts of the check of definitions share.
 */
#ifndef STAKESYNC_DEFINITION_INSIDE_H
#define STAKESYNC_DEFINITION_INSIDE_H

#include "postgres.h"

#include "json.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* What a member takes */
typedef enum RuleKind
{
	RULE_TEXT,					/* not blank */
	RULE_TEMPLATE,				/* may be blank */
	RULE_NUMBER,				/* whole, from least to most */
	RULE_BOOLEAN,
	RULE_OBJECT,				/* with the members inside */
	RULE_MAP,					/* of any names; inside is the rule of each */
	RULE_LIST,					/* inside is the rule of each */
	RULE_ANY					/* check decides */
} RuleKind;

typedef struct Rule Rule;

struct Rule
{
	const char *name;			/* NULL ends a table */
	RuleKind	kind;
	bool		needed;
	const char *takes;			/* for the hint */
	void		(*check) (const char *place, const JsonbValue *value, const Rule *rule);
	const Rule *inside;
	void		(*check_name) (const char *place, const char *name);	/* of a map */
	int64		least;			/* of a number; of how many in a list or map */
	int64		most;
};

/* The place of a member, of an element */
extern char *DefinitionPlace(const char *place, const char *member);
extern char *DefinitionPlaceAt(const char *place, int element);

/* Text of a value that is one */
extern char *RuleText(const JsonbValue *value);

/* Raise that a place cannot have its value, or a word which is none of some */
pg_noreturn extern void RuleRefuse(const char *place, const JsonbValue *value, const char *takes);
pg_noreturn extern void RuleRefuseWord(const char *place, const char *word, List *words);

/* Raise on a name that cannot be in a map */
extern void RuleCheckVariableName(const char *place, const char *name);
extern void RuleCheckMethodName(const char *place, const char *name);
extern void RuleCheckAnyName(const char *place, const char *name);
extern void RuleCheckFieldName(const char *place, const char *name);
extern void RuleCheckHeaderName(const char *place, const char *name);
extern void RuleCheckStatusName(const char *place, const char *name);

/* Raise on a value that cannot be */
extern void RuleCheckProvider(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckVariable(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckIdentifier(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckField(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckVerb(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckFormat(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckHeader(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckLine(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckRequestPath(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckAddress(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckBase(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckChoice(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckSteps(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckLongPath(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckTransform(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckStart(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckId(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckMemberName(const char *place, const JsonbValue *value, const Rule *rule);
extern void RuleCheckBody(const char *place, const JsonbValue *value, const Rule *rule);

/* Raise that a definition is wrong */
#define REFUSE(...) \
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), __VA_ARGS__))

/* Variables that are neither credentials nor settings */
#define VARIABLE_COMPANY		(1 << 0)
#define VARIABLE_CONNECTION		(1 << 1)
#define VARIABLE_TODAY			(1 << 2)
#define VARIABLE_TOKEN			(1 << 3)
#define VARIABLE_SINCE			(1 << 4)
#define VARIABLE_CURSOR			(1 << 5)
#define VARIABLE_OFFSET			(1 << 6)
#define VARIABLE_LIMIT			(1 << 7)
#define VARIABLE_PAGE			(1 << 8)
#define VARIABLE_FIELDS			(1 << 9)
#define VARIABLE_ID				(1 << 10)
#define VARIABLE_CODE			(1 << 11)
#define VARIABLE_STATE			(1 << 12)
#define VARIABLE_REDIRECT_URI	(1 << 13)

/* Those that have a value everywhere */
#define VARIABLES_ALWAYS (VARIABLE_COMPANY | VARIABLE_CONNECTION | VARIABLE_TODAY)

/* Parts of a request that templates are in */
typedef enum TemplatePart
{
	PART_HOST,
	PART_ADDRESS,
	PART_HEADER,				/* left out without a value, as are these: */
	PART_PARAMETER				/* of query, form or body */
} TemplatePart;

/* What stands behind a name that is a credential or a setting */
typedef struct Given
{
	char	   *name;
	bool		secret;
	bool		host;			/* a whole host name */
} Given;

/* A definition as one login method sees it */
typedef struct View
{
	Jsonb	   *definition;
	const char *name;			/* of the method */
	Jsonb	   *method;
	List	   *given;			/* of Given * */
	List	   *elsewhere;		/* of char *: credentials of other methods */
	bool		token;			/* there is a login of type token */
} View;

/* The credential or setting of a name; NULL for none */
extern const Given *DefinitionGiven(const View *view, const char *name);

/* The variable of a name, and where that has a value; 0 for none */
extern int	DefinitionVariableOf(const char *name, const char **filled);

/*
 * Raise where a template names what has no value there; filled are the
 * variables that have one. They return the variables that are named.
 */
extern int	DefinitionCheckTemplate(const View *view, const char *place, const char *template,
									TemplatePart part, int filled);
extern int	DefinitionCheckTemplates(const View *view, const char *place, Jsonb *object,
									 TemplatePart part, int filled);
extern int	DefinitionCheckAddress(const View *view, const char *place, const char *address, int filled);
extern int	DefinitionCheckRequest(const View *view, const char *place, Jsonb *request, int filled);

/* What the members of a definition whose every member is right mean together */
extern void DefinitionCheckUse(Jsonb *definition);

#endif							/* STAKESYNC_DEFINITION_INSIDE_H */
