#include "postgres.h"

#include "canonical.h"
#include "lib/stringinfo.h"
#include "walk.h"

/* Array steps of one path, each of which doubles its places in the shape */
#define MAX_ARRAY_STEPS 6

/* Check a path's steps for what the shape can hold */
void
WalkCheck(Path *path, const char *owner)
{
	int			arrays = 0;

	for (int i = 0; i < path->count; i++)
	{
		if (path->steps[i].kind == PATH_MEMBERS)
			PathCut(path, i);
		else if (path->steps[i].kind != PATH_MEMBER && ++arrays > MAX_ARRAY_STEPS)
			PathError(path->text, owner, path->steps[i].offset,
					  "There are too many steps into arrays.");
	}
}

/* Read a path without a rest */
Path *
WalkParse(const char *text, const char *owner)
{
	Path	   *path = PathParse(text, owner);

	WalkCheck(path, owner);
	if (path->rest >= 0)
		PathError(text, owner, path->rest,
				  "Only steps that can be followed while the record is read are possible here.");
	return path;
}

/* Put steps into a shape */
void
WalkAddSteps(JsonShape *shape, const PathStep *steps, int count,
			 bool (*refused) (const char *name, size_t length))
{
	if (count == 0)
		return;
	if (steps->kind != PATH_MEMBER)
	{
		WalkAddSteps(JsonShapeElementAdd(shape), steps + 1, count - 1, refused);
		WalkAddSteps(shape, steps + 1, count - 1, refused);
	}
	/* What is refused is as if it were not there */
	else if (refused == NULL || !refused(steps->name, steps->length))
		WalkAddSteps(JsonShapeMemberAdd(shape, steps->name, steps->length),
					 steps + 1, count - 1, refused);
}

/* Free what many nodes took */
void
WalkFree(FoundNodes *found)
{
	if (found->nodes != NULL && found->nodes != found->few)
		pfree(found->nodes);
}

/* Note a node */
static void
AddFound(FoundNodes *found, int node)
{
	if (found->nodes == NULL)
	{
		found->nodes = found->few;
		found->size = lengthof(found->few);
	}
	if (found->count == found->size)
	{
		int		   *more = palloc(found->size * 4 * sizeof(int));

		memcpy(more, found->nodes, found->count * sizeof(int));
		WalkFree(found);
		found->nodes = more;
		found->size *= 4;
	}
	found->nodes[found->count++] = node;
}

/* Node of an object's member, or -1 */
static inline int
MemberNode(const JsonTree *tree, int node, const PathStep *step)
{
	const JsonNode *object = &tree->nodes[node];
	int			member;

	if (object->kind != JSON_KIND_OBJECT)
		return -1;
	member = JsonShapeFind(object->shape, step->name, step->length);
	if (member < 0 || tree->nodes[object->first + member].kind == JSON_KIND_ABSENT)
		return -1;
	return object->first + member;
}

/*
 * Walk on from each element of an array. A value in any of them is a value;
 * else what all say that are not null themselves.
 */
static MappedState
WalkEach(JsonTree *tree, int node, const PathStep *steps, int count, FoundNodes *found)
{
	bool		any_value = false;
	bool		any_null = false;
	bool		any_absent = false;

	for (int element = tree->nodes[node].first; element >= 0;
		 element = tree->nodes[element].next)
	{
		MappedState state;

		if (tree->nodes[element].kind == JSON_KIND_NULL && !(found->nulls && count == 0))
			continue;
		state = Walk(tree, element, steps, count, found);
		any_value |= state == MAPPED_VALUE;
		any_null |= state == MAPPED_NULL;
		any_absent |= state == MAPPED_ABSENT;
	}
	if (any_value)
		return MAPPED_VALUE;
	return any_absent && !any_null ? MAPPED_ABSENT : MAPPED_NULL;
}

/* Node of one element of an array, or -1 */
static int
ElementNode(const JsonTree *tree, int node, const PathStep *step)
{
	int			element = tree->nodes[node].first;

	for (int i = 0; element >= 0; i++)
	{
		int			next = tree->nodes[element].next;

		if (step->kind == PATH_LAST ? next < 0 : i == step->index)
			return element;
		element = next;
	}
	return -1;
}

/* Follow steps from a node and note what they lead to */
MappedState
Walk(JsonTree *tree, int node, const PathStep *steps, int count, FoundNodes *found)
{
	for (; count > 0; steps++, count--)
	{
		JsonKind	kind = tree->nodes[node].kind;

		if (kind == JSON_KIND_NULL)
			return MAPPED_NULL;
		if (steps->kind == PATH_MEMBER)
		{
			node = MemberNode(tree, node, steps);
			if (node < 0)
				return MAPPED_ABSENT;
		}
		else if (kind == JSON_KIND_ARRAY)
		{
			if (steps->kind == PATH_EACH)
				return WalkEach(tree, node, steps + 1, count - 1, found);
			node = ElementNode(tree, node, steps);
			if (node < 0)
				return MAPPED_NULL;
		}
		/* What is no array is an array of one */
		else if (steps->kind == PATH_INDEX && steps->index > 0)
			return MAPPED_NULL;
	}

	if (tree->nodes[node].kind == JSON_KIND_NULL)
	{
		if (found->nulls)
			AddFound(found, node);
		return MAPPED_NULL;
	}
	AddFound(found, node);
	return MAPPED_VALUE;
}

/* Follow a step from each of some nodes */
MappedState
WalkFrom(JsonTree *tree, FoundNodes *found, const PathStep *step)
{
	FoundNodes	next = {NULL};
	bool		any_null = false;
	bool		any_absent = false;

	for (int i = 0; i < found->count; i++)
	{
		int			node = found->nodes[i];
		MappedState state;

		/* A bare value needs no unwrapping */
		if (step->kind == PATH_MEMBER && tree->nodes[node].kind != JSON_KIND_OBJECT)
		{
			AddFound(&next, node);
			continue;
		}
		state = Walk(tree, node, step, 1, &next);
		any_null |= state == MAPPED_NULL;
		any_absent |= state == MAPPED_ABSENT;
	}
	WalkFree(found);
	*found = next;
	if (next.nodes == next.few)
		found->nodes = found->few;
	if (next.count > 0)
		return MAPPED_VALUE;
	return any_absent && !any_null ? MAPPED_ABSENT : MAPPED_NULL;
}

/* Follow members alone */
int
WalkMembers(const JsonTree *tree, int node, const PathStep *steps, int count)
{
	for (int i = 0; i < count && node >= 0; i++)
	{
		if (tree->nodes[node].kind == JSON_KIND_NULL)
			return node;
		node = MemberNode(tree, node, &steps[i]);
	}
	return node;
}

/* True for a byte of what trimming may take away */
static inline bool
MayBeTrimmed(unsigned char c)
{
	return c <= ' ' || c >= 0x7F;
}

/* Text of a scalar */
bool
WalkText(const JsonTree *tree, int number, TextItem *item)
{
	const JsonNode *node = &tree->nodes[number];
	size_t		start;

	item->text = node->start;
	item->length = node->length;
	if (node->kind != JSON_KIND_STRING)
		return node->kind == JSON_KIND_NUMBER || node->kind == JSON_KIND_BOOLEAN;

	if (node->escaped)
	{
		StringInfoData plain;

		initStringInfo(&plain);
		if (!JsonUnescape(node->start, node->length, &plain))
			return false;
		item->text = plain.data;
		item->length = plain.len;
	}

	/* Most texts begin and end with something visible */
	if (item->length > 0 &&
		(MayBeTrimmed(item->text[0]) || MayBeTrimmed(item->text[item->length - 1])))
	{
		CanonicalTrim(item->text, item->length, &start, &item->length);
		item->text += start;
	}
	return true;
}
