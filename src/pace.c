#include "postgres.h"

#include "pace.h"

/* Microseconds by which starts may be seen closer together at the other end */
#define PACE_MARGIN 100000

struct Pace
{
	int			requests;
	int64		span;
	int			next;
	TimestampTz starts[FLEXIBLE_ARRAY_MEMBER];	/* ring of the last ones */
};

/* No more than requests within seconds */
Pace *
PaceCreate(int requests, int seconds)
{
	Pace	   *pace = palloc0(offsetof(Pace, starts) + sizeof(TimestampTz) * requests);

	pace->requests = requests;
	pace->span = seconds * USECS_PER_SEC + PACE_MARGIN;
	return pace;
}

/* Milliseconds until another may start, 0 for now */
int64
PaceWait(const Pace *pace, TimestampTz now)
{
	TimestampTz oldest = pace->starts[pace->next];

	if (oldest == 0 || now - oldest >= pace->span)
		return 0;
	return (oldest + pace->span - now) / 1000 + 1;
}

/* One starts */
void
PaceTake(Pace *pace, TimestampTz now)
{
	pace->starts[pace->next] = now;
	pace->next = (pace->next + 1) % pace->requests;
}
