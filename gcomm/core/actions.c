/* The list of actions of one step. */
#include "gcomm/core/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct ls_action *core_act(struct ls_core *c, enum ls_action_type type)
{
    struct ls_action *a;

    if (c->action_count == c->action_cap) {
        size_t cap = c->action_cap == 0 ? 32 : 2 * c->action_cap;
        struct ls_action *grown = realloc(c->actions, cap * sizeof(*grown));
        LS_ASSERT(grown != NULL); /* without actions the order would be lost silently */
        c->actions = grown;
        c->action_cap = cap;
    }
    a = &c->actions[c->action_count++];
    a->type = (uint8_t)type; /* the caller fills what the type uses */
    return a;
}

struct ls_msg *core_send(struct ls_core *c, const struct ls_uuid *to, enum ls_msg_type type)
{
    struct ls_msg *m = &c->unheard;

    /* Who is isolated is not heard, also while its connections last: what it makes of being alone
     * (another epoch, with pc.ignore_quorum) would hold up those it has left. */
    if (!c->params.isolated) {
        struct ls_action *a = core_act(c, LS_ACT_SEND);
        a->u.send.to = *to;
        m = &a->u.send.msg;
    }
    m->type = (uint8_t)type;
    m->flags = 0;
    m->term = c->term;
    return m;
}

void core_log(struct ls_core *c, enum ls_log_level level, const char *fmt, ...)
{
    struct ls_action *a = core_act(c, LS_ACT_LOG);
    va_list ap;

    a->u.log.level = (uint8_t)level;
    va_start(ap, fmt);
    vsnprintf(a->u.log.text, sizeof(a->u.log.text), fmt, ap);
    va_end(ap);
}

void *core_scratch(struct ls_core *c, size_t size)
{
    void *p = malloc(size);

    LS_ASSERT(p != NULL);
    if (c->scratch_count == c->scratch_cap) {
        size_t cap = c->scratch_cap == 0 ? 8 : 2 * c->scratch_cap;
        void **grown = realloc(c->scratch, cap * sizeof(*grown));
        LS_ASSERT(grown != NULL);
        c->scratch = grown;
        c->scratch_cap = cap;
    }
    c->scratch[c->scratch_count++] = p;
    return p;
}

void core_act_role(struct ls_core *c)
{
    struct ls_action *a = core_act(c, LS_ACT_ROLE);

    a->u.role.role = (uint8_t)c->role;
    a->u.role.term = c->term;
    a->u.role.leader = c->leader;
}

const struct ls_action *ls_core_actions(const struct ls_core *core, size_t *count)
{
    *count = core->action_count;
    return core->actions;
}

void ls_core_actions_done(struct ls_core *core)
{
    core->action_count = 0;
    while (core->scratch_count > 0) {
        free(core->scratch[--core->scratch_count]);
    }
}
