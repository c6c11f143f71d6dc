/* What goes wrong between the nodes. */
#include "test/sim/fault.h"

void ls_fault_break_link(struct ls_world *w)
{
    int a = ls_fault_random_node(w)->slot, b = ls_fault_random_node(w)->slot;

    w->stats.breaks++;
    ls_world_trace(w, NULL, "--- connection n%d - n%d breaks", a, b);
    ls_simnet_break(w, a, b);
}

/* Two sides that do not hear each other; connections break at once, later, or not at all. */
void ls_fault_partition(struct ls_world *w)
{
    uint64_t side = ls_prng_next(&w->rng);
    int64_t longest = w->profile.cut_max_us > 0 ? w->profile.cut_max_us : 25000000;
    int64_t duration = ls_world_between(w, 300000, longest);
    bool reset = ls_world_chance(w, 0.5);

    if (!ls_fault_undo_room(w, (uint32_t)(w->count * w->count))) {
        return;
    }
    w->stats.cuts++;
    ls_world_trace(w, NULL, "--- partition, side %x of %d nodes, %lld us%s",
                   (unsigned)(side & ((1u << w->count) - 1)), w->count, (long long)duration,
                   reset ? ", connections reset" : "");
    for (int a = 0; a < w->count; a++) {
        for (int b = 0; b < w->count; b++) {
            if (a != b && ((side >> a) & 1) != ((side >> b) & 1)) {
                ls_simnet_cut(w, a, b, true);
                if (reset) {
                    ls_simnet_break(w, a, b);
                }
                ls_fault_undo_at(w, LS_UNDO_CUT, a, b, duration);
            }
        }
    }
}

enum shape { BRIDGE, RING, CHAIN, STAR, TANGLE, SHAPES };

/* What b hears of a, when they stand at these places of the shape. */
static bool hears(struct ls_world *w, enum shape shape, int a, int b)
{
    int distance = a > b ? a - b : b - a;

    switch (shape) {
    case BRIDGE: /* the first one sees both halves */
        return a == 0 || b == 0 || (a & 1) == (b & 1);
    case RING:
        return distance == 1 || distance == w->count - 1;
    case CHAIN:
        return distance == 1;
    case STAR:
        return a == 0 || b == 0;
    default: /* any way may be closed in any direction */
        return ls_world_chance(w, 0.6);
    }
}

void ls_fault_cut_shape(struct ls_world *w)
{
    enum shape shape = (enum shape)ls_prng_below(&w->rng, SHAPES);
    int turn = (int)ls_prng_below(&w->rng, (uint64_t)w->count);
    int64_t duration = ls_world_between(w, 300000, 15000000);

    if (!ls_fault_undo_room(w, (uint32_t)(w->count * w->count))) {
        return;
    }
    w->stats.cuts++;
    ls_world_trace(w, NULL, "--- the network becomes shape %d, from n%d on, for %lld us", shape,
                   turn, (long long)duration);
    for (int a = 0; a < w->count; a++) {
        for (int b = 0; b < w->count; b++) {
            int from = (a + turn) % w->count, to = (b + turn) % w->count;
            if (a != b && !hears(w, shape, a, b)) {
                ls_simnet_cut(w, from, to, true);
                ls_fault_undo_at(w, LS_UNDO_CUT, from, to, duration);
            }
        }
    }
}

void ls_fault_cut_one_way(struct ls_world *w)
{
    int a = ls_fault_random_node(w)->slot, b = ls_fault_random_node(w)->slot;
    int64_t duration = ls_world_between(w, 300000, 20000000);

    if (a != b && ls_fault_undo_room(w, 1)) {
        w->stats.cuts++;
        ls_world_trace(w, NULL, "--- nothing from n%d reaches n%d for %lld us", a, b,
                       (long long)duration);
        ls_simnet_cut(w, a, b, true);
        ls_fault_undo_at(w, LS_UNDO_CUT, a, b, duration);
    }
}

void ls_fault_slow_link(struct ls_world *w)
{
    int a = ls_fault_random_node(w)->slot, b = ls_fault_random_node(w)->slot;

    if (a != b && ls_fault_undo_room(w, 1)) {
        w->net.dir[a][b].slow = (uint32_t)ls_world_between(w, 10, 200);
        w->nodes[b].troubled_at = INT64_MAX / 2;
        ls_fault_undo_at(w, LS_UNDO_SLOW_LINK, a, b, ls_world_between(w, 500000, 10000000));
    }
}
