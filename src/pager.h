/*
 * Pages: which one of a stream comes next.
 */
#ifndef STAKESYNC_PAGER_H
#define STAKESYNC_PAGER_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "request.h"
#include "splitter.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"

typedef enum PageKind
{
	PAGES_NONE,					/* one answer */
	PAGES_CURSOR,				/* the answer holds what leads to the next */
	PAGES_URL,					/* the answer holds the next address */
	PAGES_LINK,					/* the header Link does */
	PAGES_OFFSET,				/* so many rows on */
	PAGES_NUMBER				/* page 1, 2, 3 */
} PageKind;

typedef struct PageRun PageRun;

/* A stream of the definition, as it is read this time */
typedef struct SourceStream
{
	Jsonb	   *spec;
	const char *name;
	const char *records;		/* path of the records */
	int			position;		/* in the definition; 0 brings the people */
	bool		incremental;
	bool		optional;
	PageKind	kind;
	int			size;			/* rows asked for at a time */
	List	   *batches;		/* of List of field names; NIL for none */

	/* Scalars of an answer: places in captures, or -1 */
	List	   *captures;
	int			next_at;
	int			total_at;
	int			last_at;
	int			success_at;

	/* Who takes its records, if not the one who takes all */
	void		(*record) (const PageRun *run, const char *record, size_t length,
						   const char *key, void *arg);
	void	   *record_arg;

	/* What came of it */
	int			refused;		/* status with which it was refused, 0 if not */
	int64		announced;		/* rows of its last line of pages, -1 if not
								 * told */
	int64		received;
	bool		disagrees;		/* fewer came than were announced */
} SourceStream;

/* One line of pages: of a stream, a batch of fields, a person */
struct PageRun
{
	MemoryContext context;		/* of what it keeps */
	SourceStream *stream;
	int			batch;
	char	   *id;				/* of the person, or NULL */
	int			size;
	bool		begun;
	bool		known;			/* the first page has told how to go on */
	int			open;			/* pages asked for and not done */
	char	   *next;			/* cursor or address, or NULL */
	int64		offset;			/* of the next page */
	int64		total;			/* -1 if not announced */
	int64		received;
	int64		place;			/* of the record at hand, in the order of the
								 * source */
	uint64		last_hash;
	List	   *holes;			/* of ListPage *, rows that a page left out */
	HTAB	   *seen;			/* cursors and addresses */
	int64		pages;
};

/* One page, where it lies */
typedef struct ListPage
{
	PageRun    *run;
	char	   *next;			/* cursor or address, NULL for the first */
	int64		offset;
	int64		number;
	int64		place;			/* of its first record */
	int			want;			/* rows that lie here */
	int			size;			/* rows asked for, fewer where the answer was
								 * too large */
	int64		got;
	uint64		hash;			/* of its records */
	bool		followed;		/* the next page is known */
	bool		ended;			/* this answer says that there is none */
} ListPage;

/* Read what the definition says of a stream; since is NULL in a full fetch */
extern SourceStream *SourceStreamRead(Jsonb *spec, int position, const char *since);

extern PageRun *PageRunCreate(SourceStream *stream, int batch, const char *id);
extern void PageRunFree(PageRun *run);

/* The next page that may be asked for now; NULL if none */
extern ListPage *PageRunNext(PageRun *run);

/* True if nothing is left to ask for */
extern bool PageRunOver(const PageRun *run);

/* Variables of a page */
extern List *PageVariables(const ListPage *page, const char *since);

/* Take what an answer has told so far of the page after it */
extern void PageFollow(ListPage *page, const RecordSplitter *splitter);

/* The page is done: link is the header Link, or NULL */
extern void PageDone(ListPage *page, const RecordSplitter *splitter, const char *link);

/* Rows that a page is to bring from now on; false if it cannot be smaller */
extern bool PageShrink(ListPage *page);

#endif							/* STAKESYNC_PAGER_H */
