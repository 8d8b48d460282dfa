/*
 * What is read of a connection: its mapping as rules, the streams that these
 * want, and the records of one answer.
 */
#ifndef STAKESYNC_READING_H
#define STAKESYNC_READING_H

#include "postgres.h"

#include "answer.h"
#include "connection.h"
#include "mapping.h"
#include "pager.h"
#include "splitter.h"

/* The mapping as rules, a List of MappingRule *; of one origin, or all for NULL. SPI must be connected. */
extern List *ReadingRules(Company *company, const char *connection, const char *origin);

/* The rules compiled for records of the connection's people */
extern Mapping *ReadingMapping(Company *company, const Connection *connection, List *rules);

/* The stream that brings the people, as the definition has it */
extern Jsonb *ReadingPeople(const Connection *connection);

/* True if a child stream is wanted, given the members with which mapped paths begin */
extern bool ReadingWants(Jsonb *stream, List *roots, bool ignore_case);

/* True if a mapped path begins where the rows of a child stream go */
extern bool ReadingBegins(Jsonb *stream, List *roots, bool ignore_case);

/* A person without a full name goes by first and last name */
extern void ReadingCompleteName(List *rules, MappedRecord *record);

/*
 * The variables of a stream's first page as a document: how many rows it asks
 * for, whose it is (or NULL), and the names of the first fields that it asks for
 */
extern Jsonb *ReadingVariables(const SourceStream *stream, int size, const char *id, int fields);

/*
 * Cut the records out of a whole answer to a request of the stream; path is
 * where they are. False with the fault if it is not what it ought to be.
 */
extern bool ReadingCut(const SourceStream *stream, const char *path, const char *body,
					   RecordCallback callback, void *arg, AnswerFault *fault);

#endif							/* STAKESYNC_READING_H */
