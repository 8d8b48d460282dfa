#include "postgres.h"

#include "access/xact.h"
#include "attempt.h"
#include "utils/resowner.h"

/* Do work in a subtransaction */
ErrorData *
Attempt(void (*work) (void *arg), void *arg, bool keep)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(arg);
		if (keep)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

/* True if an error is not the fault of a row or value */
bool
AttemptErrorIsGeneral(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case MAKE_SQLSTATE('4', '0', '0', '0', '0'):	/* rolled back */
		case MAKE_SQLSTATE('5', '3', '0', '0', '0'):	/* out of something */
		case MAKE_SQLSTATE('5', '7', '0', '0', '0'):	/* cancelled, shut down */
		case MAKE_SQLSTATE('5', '8', '0', '0', '0'):	/* the system */
		case MAKE_SQLSTATE('X', 'X', '0', '0', '0'):	/* internal */
			return true;
	}
	return false;
}
