#include "infer/recurrent_state.h"

#include "base/check.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum { SLOT_ALIGNMENT = 64, SLOT_NONE = -1 };

struct slot {
    uint32_t current_count; /* sequences whose state it is now */
    uint32_t kept_count;    /* kept copies that name it */
};

struct recurrent_state_store {
    size_t slot_bytes;
    size_t float_count;
    uint32_t slot_count;
    struct slot *slots;
    unsigned char *bytes; /* [slot_count][slot_bytes], aligned */
    void *block;
    struct recurrent_state *first; /* of all live sequences */
    uint64_t clock;                /* number of the last use */
};

struct kept {
    uint32_t position;
    int32_t slot;
};

struct recurrent_state {
    struct recurrent_state_store *states;
    struct recurrent_state *next;
    struct recurrent_state *previous;
    int32_t slot; /* SLOT_NONE: nothing seen yet, all zero */
    uint32_t position;
    bool is_written; /* between reserve and rest */
    uint64_t used;   /* number of its last use */
    uint32_t kept_count;
    struct kept kept[]; /* [states->slot_count], positions ascending */
};

/* ---------------------------------------------------------------- the store */

static size_t slot_bytes(size_t float_count)
{
    return (float_count * sizeof(float) + SLOT_ALIGNMENT - 1) / SLOT_ALIGNMENT * SLOT_ALIGNMENT;
}

size_t recurrent_state_store_bytes(const struct recurrent_state_store_config *config)
{
    size_t bytes = 0;
    if (config->float_count > SIZE_MAX / 2 / sizeof(float) ||
        __builtin_mul_overflow(slot_bytes(config->float_count), config->slot_count, &bytes) ||
        bytes > SIZE_MAX / 2)
        return SIZE_MAX;
    return bytes + SLOT_ALIGNMENT + config->slot_count * sizeof(struct slot) +
           sizeof(struct recurrent_state_store);
}

enum status recurrent_state_store_new(const struct recurrent_state_store_config *config,
                                      struct recurrent_state_store **out, struct error *err)
{
    if (config->slot_count == 0 || config->slot_count > RECURRENT_STATE_SLOTS_MAX)
        return error_set(err, E_INVALID, "room for %" PRIu32 " states was asked for (1 to %d)",
                         config->slot_count, RECURRENT_STATE_SLOTS_MAX);
    const size_t total = recurrent_state_store_bytes(config);
    CLEANUP(recurrent_state_store_freep) struct recurrent_state_store *s = mem_zalloc(sizeof(*s));
    s->float_count = config->float_count;
    s->slot_bytes = slot_bytes(config->float_count);
    s->slot_count = config->slot_count;
    s->slots = mem_zalloc(config->slot_count * sizeof(*s->slots));
    /* Zeroed memory that nobody touched costs nothing: what is counted is the most it can be. */
    if (total != SIZE_MAX)
        s->block = mem_try_zalloc(1, s->slot_count * s->slot_bytes + SLOT_ALIGNMENT);
    if (!s->block)
        return error_set(err, E_NO_MEMORY,
                         "%" PRIu32 " recurrent states of %zu KiB: no memory for them",
                         config->slot_count, s->slot_bytes >> 10);
    const uintptr_t address = (uintptr_t)s->block;
    const size_t shift = (SLOT_ALIGNMENT - address % SLOT_ALIGNMENT) % SLOT_ALIGNMENT;
    s->bytes = (unsigned char *)s->block + shift;
    *out = s;
    s = NULL;
    return OK;
}

void recurrent_state_store_free(struct recurrent_state_store *states)
{
    if (!states)
        return;
    CHECK(!states->first);
    mem_free(states->slots);
    mem_free(states->block);
    mem_free(states);
}

static bool is_free(const struct slot *slot)
{
    return slot->current_count == 0 && slot->kept_count == 0;
}

uint32_t recurrent_state_store_free_count(const struct recurrent_state_store *states)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < states->slot_count; i++)
        count += is_free(&states->slots[i]);
    return count;
}

static float *values_of(const struct recurrent_state_store *states, int32_t slot)
{
    return (float *)(void *)(states->bytes + (size_t)slot * states->slot_bytes);
}

static void use_slot(struct recurrent_state *state, int32_t slot, uint32_t position)
{
    struct slot *slots = state->states->slots;
    if (slot != SLOT_NONE)
        slots[slot].current_count++;
    if (state->slot != SLOT_NONE)
        slots[state->slot].current_count--;
    state->slot = slot;
    state->position = position;
}

/* ---------------------------------------------------------------- kept copies */

static void drop_kept(struct recurrent_state *state, uint32_t index)
{
    state->states->slots[state->kept[index].slot].kept_count--;
    state->kept_count--;
    memmove(&state->kept[index], &state->kept[index + 1],
            (state->kept_count - index) * sizeof(state->kept[0]));
}

/* Forgets every kept copy in `slot`. */
static void drop_slot(struct recurrent_state_store *states, int32_t slot)
{
    for (struct recurrent_state *s = states->first; s; s = s->next)
        for (uint32_t i = s->kept_count; i-- > 0;)
            if (s->kept[i].slot == slot)
                drop_kept(s, i);
    CHECK(states->slots[slot].kept_count == 0);
}

/* The newest kept copy at or before `position`; kept_count when there is none. */
static uint32_t find_kept(const struct recurrent_state *state, uint32_t position)
{
    for (uint32_t i = state->kept_count; i-- > 0;)
        if (state->kept[i].position <= position)
            return i;
    return state->kept_count;
}

/* Sequences used after this one. */
static uint32_t rank_of(const struct recurrent_state *state)
{
    uint32_t rank = 0;
    for (const struct recurrent_state *s = state->states->first; s; s = s->next)
        rank += s->used > state->used;
    return rank;
}

/*
 * What a state at `position` is good for: the tokens that would be computed again without it (from
 * `before` on), over how far back it lies and how long ago its sequence was used. So states near
 * the end stand close together, older ones farther apart, those of forgotten sequences go.
 */
static double usefulness(const struct recurrent_state *state, uint32_t position, uint32_t before)
{
    const uint32_t back = state->position > position ? state->position - position : 0;
    return (double)(position - before) / ((double)back + 1.0) / ((double)rank_of(state) + 1.0);
}

/* The most that any sequence has from the slot; negative: one is writing into it. */
static double slot_usefulness(const struct recurrent_state_store *states, int32_t slot)
{
    double most = 0;
    for (const struct recurrent_state *s = states->first; s; s = s->next) {
        double use = 0;
        if (s->slot == slot && s->is_written)
            return -1.0;
        for (uint32_t i = 0; i < s->kept_count; i++)
            if (s->kept[i].slot == slot)
                use = usefulness(s, s->kept[i].position, i > 0 ? s->kept[i - 1].position : 0);
        if (s->slot == slot && use == 0) {
            const uint32_t kept = find_kept(s, s->position);
            use = usefulness(s, s->position, kept < s->kept_count ? s->kept[kept].position : 0);
        }
        most = use > most ? use : most;
    }
    return most;
}

/* Takes the slot from all that hold it but `except`; their sequences go back to older states. */
static void give_up(struct recurrent_state_store *states, int32_t slot,
                    const struct recurrent_state *except)
{
    drop_slot(states, slot);
    for (struct recurrent_state *s = states->first; s; s = s->next) {
        if (s->slot != slot || s == except)
            continue;
        const uint32_t kept = find_kept(s, s->position);
        if (kept < s->kept_count)
            use_slot(s, s->kept[kept].slot, s->kept[kept].position);
        else
            use_slot(s, SLOT_NONE, 0);
    }
}

/* Frees the least useful slot that nobody writes. */
static bool evict(struct recurrent_state_store *states)
{
    int32_t least = SLOT_NONE;
    double least_use = 0;
    for (uint32_t i = 0; i < states->slot_count; i++) {
        const double use = slot_usefulness(states, (int32_t)i);
        if (use >= 0 && (least == SLOT_NONE || use < least_use)) {
            least = (int32_t)i;
            least_use = use;
        }
    }
    if (least == SLOT_NONE)
        return false;
    give_up(states, least, NULL);
    return true;
}

static int32_t take_slot(struct recurrent_state_store *states)
{
    for (uint32_t i = 0; i < states->slot_count; i++)
        if (is_free(&states->slots[i]))
            return (int32_t)i;
    return SLOT_NONE;
}

/* ---------------------------------------------------------------- sequences */

enum status recurrent_state_new(struct recurrent_state_store *states, struct recurrent_state **out,
                                struct error *err)
{
    struct recurrent_state *state =
        mem_try_zalloc(1, sizeof(*state) + states->slot_count * sizeof(state->kept[0]));
    if (!state)
        return error_set(err, E_NO_MEMORY, "no memory for one more sequence");
    state->states = states;
    state->slot = SLOT_NONE;
    state->used = ++states->clock;
    state->next = states->first;
    if (state->next)
        state->next->previous = state;
    states->first = state;
    *out = state;
    return OK;
}

void recurrent_state_free(struct recurrent_state *state)
{
    if (!state)
        return;
    use_slot(state, SLOT_NONE, 0);
    while (state->kept_count > 0)
        drop_kept(state, state->kept_count - 1);
    if (state->previous)
        state->previous->next = state->next;
    else
        state->states->first = state->next;
    if (state->next)
        state->next->previous = state->previous;
    mem_free(state);
}

void recurrent_state_rewind(struct recurrent_state *state, uint32_t position)
{
    while (state->kept_count > 0 && state->kept[state->kept_count - 1].position > position)
        drop_kept(state, state->kept_count - 1);
    if (position >= state->position)
        return;
    const uint32_t index = find_kept(state, position);
    if (index < state->kept_count)
        use_slot(state, state->kept[index].slot, state->kept[index].position);
    else
        use_slot(state, SLOT_NONE, 0);
}

enum status recurrent_state_fork(const struct recurrent_state *state, uint32_t position,
                                 struct recurrent_state **out, struct error *err)
{
    struct recurrent_state *fork = NULL;
    TRY(recurrent_state_new(state->states, &fork, err));
    use_slot(fork, state->slot, state->position);
    for (; fork->kept_count < state->kept_count; fork->kept_count++) {
        fork->kept[fork->kept_count] = state->kept[fork->kept_count];
        state->states->slots[state->kept[fork->kept_count].slot].kept_count++;
    }
    recurrent_state_rewind(fork, position);
    *out = fork;
    return OK;
}

uint32_t recurrent_state_position(const struct recurrent_state *state)
{
    return state->position;
}

void recurrent_state_keep(struct recurrent_state *state)
{
    const uint32_t last = state->kept_count;
    const bool is_kept = last > 0 && state->kept[last - 1].position == state->position;
    if (state->slot == SLOT_NONE || is_kept || last == state->states->slot_count)
        return;
    state->kept[last] = (struct kept){.position = state->position, .slot = state->slot};
    state->kept_count++;
    state->states->slots[state->slot].kept_count++;
}

static bool is_written_by_another(const struct recurrent_state *state)
{
    for (const struct recurrent_state *s = state->states->first; s; s = s->next)
        if (s != state && s->slot == state->slot && s->is_written)
            return true;
    return false;
}

enum status recurrent_state_reserve(struct recurrent_state *state, struct error *err)
{
    struct recurrent_state_store *states = state->states;
    state->used = ++states->clock;
    const bool was_written = state->is_written;
    state->is_written = true; /* so that evict() leaves it alone */
    const struct slot *own = state->slot == SLOT_NONE ? NULL : &states->slots[state->slot];
    if (own && own->current_count == 1 && own->kept_count == 0)
        return OK;
    int32_t slot = take_slot(states);
    if (slot == SLOT_NONE && evict(states))
        slot = take_slot(states);
    if (slot == SLOT_NONE && own && !is_written_by_another(state)) {
        give_up(states, state->slot, state); /* nobody else needs it as much */
        return OK;
    }
    if (slot == SLOT_NONE) {
        state->is_written = was_written;
        return error_set(err, E_LIMIT,
                         "no room for the recurrent state of one more sequence (limit %" PRIu32 ")",
                         states->slot_count);
    }
    if (own)
        memcpy(values_of(states, slot), values_of(states, state->slot),
               states->float_count * sizeof(float));
    else
        memset(values_of(states, slot), 0, states->float_count * sizeof(float));
    use_slot(state, slot, state->position);
    return OK;
}

void recurrent_state_rest(struct recurrent_state *state)
{
    state->is_written = false;
}

float *recurrent_state_values(struct recurrent_state *state)
{
    CHECK(state->slot != SLOT_NONE);
    return values_of(state->states, state->slot);
}

void recurrent_state_advance(struct recurrent_state *state, uint32_t token_count)
{
    state->position += token_count;
}

/* ---------------------------------------------------------------- for snapshots */

uint32_t recurrent_state_count(const struct recurrent_state *state)
{
    const uint32_t kept = state->kept_count;
    const bool is_kept = kept > 0 && state->kept[kept - 1].position == state->position;
    return kept + (state->slot != SLOT_NONE && !is_kept);
}

const float *recurrent_state_at(const struct recurrent_state *state, uint32_t index,
                                uint32_t *out_position)
{
    CHECK(index < recurrent_state_count(state));
    const bool is_kept = index < state->kept_count;
    *out_position = is_kept ? state->kept[index].position : state->position;
    return values_of(state->states, is_kept ? state->kept[index].slot : state->slot);
}

enum status recurrent_state_load(struct recurrent_state *state, uint32_t position, float **out,
                                 struct error *err)
{
    CHECK(state->slot == SLOT_NONE && state->position == 0);
    TRY(recurrent_state_reserve(state, err));
    state->position = position;
    *out = values_of(state->states, state->slot);
    return OK;
}
