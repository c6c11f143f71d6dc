/* What a user asks of the group while it runs: other threads put it here, the loop takes it at the
 * end of its turn. */
#include "gcomm/engine/internal.h"

#include <string.h>

static enum ls_rc put(struct ls_engine *e, const struct wish *w, struct ls_error *err)
{
    bool full;

    ls_mutex_lock(&e->mutex);
    full = e->wish_count == WISHES_MAX;
    if (!full) {
        e->wishes[e->wish_count++] = *w;
    }
    ls_mutex_unlock(&e->mutex);
    if (full) {
        return ls_error_set(err, LS_E_BUSY, "too many changes of the group at once: try again");
    }
    engine_wake_loop(e);
    return LS_OK;
}

enum ls_rc ls_engine_reform(struct ls_engine *e, struct ls_error *err)
{
    return put(e, &(struct wish){.event = LS_EV_REFORM}, err);
}

enum ls_rc ls_engine_set_weight(struct ls_engine *e, uint8_t weight, struct ls_error *err)
{
    return put(e, &(struct wish){.event = LS_EV_WEIGHT, .weight = weight}, err);
}

enum ls_rc ls_engine_evict(struct ls_engine *e, const struct ls_uuid *id, struct ls_error *err)
{
    return put(e, &(struct wish){.event = LS_EV_EVICT, .id = *id}, err);
}

enum ls_rc ls_engine_change_peer(struct ls_engine *e, const char *addr, bool add,
                                 struct ls_error *err)
{
    struct wish w = {.kind = add ? WISH_KNOW : WISH_FORGET};

    if (strlen(addr) >= sizeof(w.addr)) {
        return ls_error_set(err, LS_E_INVAL, "the address '%s' is too long", addr);
    }
    strcpy(w.addr, addr);
    return put(e, &w, err);
}

static void perform(struct ls_engine *e, const struct wish *w)
{
    struct ls_event ev = {.type = w->event};

    if (w->kind == WISH_KNOW) {
        ls_net_know(e->net, w->addr);
        return;
    }
    if (w->kind == WISH_FORGET) {
        ls_net_forget(e->net, w->addr);
        return;
    }
    if (w->event == LS_EV_WEIGHT) {
        ev.u.weight = w->weight;
    } else if (w->event == LS_EV_EVICT) {
        ev.u.id = w->id;
    }
    engine_step(e, &ev);
}

void engine_take_wishes(struct ls_engine *e)
{
    struct wish taken[WISHES_MAX];
    size_t count;

    ls_mutex_lock(&e->mutex);
    count = e->wish_count;
    for (size_t i = 0; i < count; i++) {
        taken[i] = e->wishes[i];
    }
    e->wish_count = 0;
    ls_mutex_unlock(&e->mutex);
    for (size_t i = 0; i < count; i++) {
        perform(e, &taken[i]);
    }
}
