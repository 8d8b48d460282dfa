/*
 * What the parts of the mapping share: mapping_compile.c reads rules,
 * mapping_choose.c chooses among elements, mapping_rest.c asks jsonpath, and
 * mapping.c puts it together.
 */
#ifndef STAKESYNC_MAPPING_INSIDE_H
#define STAKESYNC_MAPPING_INSIDE_H

#include "postgres.h"

#include "json.h"
#include "mapping.h"
#include "path.h"
#include "transform.h"
#include "walk.h"

/* One of the paths that a rule joins with ?? */
typedef struct CompiledPath
{
	Path	   *path;

	/* pick and current */
	int			elements;		/* steps that lead to the elements */
	int			choice;			/* position in the choices of current, or -1 */

	/* The rest of the path, if it cannot be followed */
	Datum		jsonpath;
	JsonShape  *rest_shape;
	uint32		allowed;		/* of the rule */
} CompiledPath;

typedef struct CompiledRule
{
	const MappingRule *rule;
	ValueType	type;			/* the rule's, or of its transform phone */
	int			count;
	CompiledPath *paths;
	List	   *transforms;
	bool		unwrap;			/* transform value */
	bool		expand;			/* an array means its elements */
	bool		first_only;		/* texts behind the first do not matter */
	bool		refused;		/* nothing of it is read */
	bool		judged;			/* values are judged by their shape */
	bool		identifier;		/* as those of an identifier */
	const char *constant;		/* text of transform const, or NULL */
	const Transform *choose;	/* pick or current, or NULL */
	const Transform *derived;	/* or NULL */
} CompiledRule;

/* What current chose, once for all rules that ask the same */
typedef struct Choice
{
	const CompiledRule *rule;	/* the first of them */
	const CompiledPath *path;
	bool		made;
	MappedState state;
	int			node;
} Choice;

/* True for a member name that must not be read */
typedef bool (*NameRefuser) (const char *name, size_t length);

struct Mapping
{
	/* Settings */
	MappingOptions options;
	uint32		allowed;		/* of the rule being compiled */
	int			count;
	CompiledRule *rules;
	Path	   *id_path;
	Path	   *deleted_path;
	int			country;		/* rule that fills the country, or -1 */
	bool		needs_transaction;

	/* Reader */
	JsonShape  *shape;
	JsonShape  *id_shape;
	JsonTree   *tree;
	int			choice_count;
	Choice	   *choices;
};

/* One record being mapped */
typedef struct MappingRun
{
	Mapping    *mapping;
	JsonTree   *tree;
	MappedRecord *record;
} MappingRun;

extern const PathStep each_step;
extern const PathStep id_step;
extern const PathStep value_step;

/* Who refuses names in rules that let in categories of refused data; until the next call */
extern NameRefuser MappingRefuser(const Mapping *mapping, uint32 allowed);

/* True for a text that means null */
extern bool MappingTextIsNull(const Mapping *mapping, const TextItem *item);

/* Add a text; false if result holds that there are too many */
extern bool MappingAddText(TextItems *texts, const TextItem *item, MappedValue *result);

/* Text of a node; false if result holds why there is none */
extern bool MappingTakeText(MappingRun *run, int node, TextItem *item, MappedValue *result);

/* Find the values in the element that a rule chooses */
extern MappedState MappingChoose(MappingRun *run, const CompiledRule *rule,
								 const CompiledPath *path, FoundNodes *found);

/* Say of objects whether the person is employed; result tells what came of it */
extern void MappingDerive(MappingRun *run, const Transform *derived,
						  const FoundNodes *found, TextItems *texts,
						  MappedValue *result);

/* Compile what follows a path's steps with PostgreSQL's jsonpath */
extern Datum MappingCompileRest(const Path *path, bool ignore_case, const char *owner);

/* Find what the rest of a path leads to; false if jsonpath failed */
extern bool MappingFindRest(MappingRun *run, const CompiledPath *path, FoundNodes *found,
							MappedState *state);

#endif							/* STAKESYNC_MAPPING_INSIDE_H */
