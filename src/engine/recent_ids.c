#include "engine/recent_ids.h"

#include "base/mem.h"
#include "engine/session_log.h"

enum { SLACK_MIN = 256 }; /* ids taken in before the window moves */

void recent_ids_done(struct recent_ids *recent)
{
    mem_free(recent->ids);
    *recent = (struct recent_ids){0};
}

void recent_ids_reserve(struct recent_ids *recent, uint32_t count)
{
    const uint32_t wanted = count + (count > SLACK_MIN ? count : SLACK_MIN);
    if (wanted <= recent->capacity)
        return;
    recent->ids = mem_realloc(recent->ids, wanted * sizeof(*recent->ids));
    recent->capacity = wanted;
}

void recent_ids_push(struct recent_ids *recent, uint32_t index, int32_t id)
{
    if (index == recent->end && index - recent->begin < recent->capacity)
        recent->ids[recent->end++ - recent->begin] = id;
}

void recent_ids_cut(struct recent_ids *recent, uint32_t count)
{
    recent->end = count < recent->end ? count : recent->end;
    recent->begin = count < recent->begin ? count : recent->begin;
}

const int32_t *recent_ids_of(struct recent_ids *recent, const struct session_log *log,
                             uint32_t count)
{
    const uint32_t first = log->count - count;
    recent_ids_reserve(recent, count);
    if (recent->end != log->count || recent->begin > first) {
        session_log_ids(log, first, log->count, recent->ids);
        recent->begin = first;
        recent->end = log->count;
    }
    return recent->ids + (first - recent->begin);
}
