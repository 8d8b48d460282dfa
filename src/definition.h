/*
 * Definitions of providers: is one of the language (doc/providers.md)?
 */
#ifndef STAKESYNC_DEFINITION_H
#define STAKESYNC_DEFINITION_H

#include "postgres.h"

#include "utils/jsonb.h"

/*
 * Raise where a definition is not of the language, naming the place. Any
 * jsonb may come: a company's owner writes definitions by plain SQL.
 */
extern void DefinitionCheck(Jsonb *definition);

#endif							/* STAKESYNC_DEFINITION_H */
