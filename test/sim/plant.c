#include "test/sim/plant.h"

#include <stddef.h>
#include <string.h>

static const char *const names[LS_PLANT__COUNT] = {
    [LS_PLANT_NONE] = "none",
    [LS_PLANT_FORGET_VOTE] = "forget-vote",
    [LS_PLANT_AMNESIA] = "amnesia",
    [LS_PLANT_ACK_UNSYNCED] = "ack-unsynced",
    [LS_PLANT_ACK_ANY] = "ack-any",
    [LS_PLANT_SUBMIT_TWICE] = "submit-twice",
    [LS_PLANT_DELIVER_EARLY] = "deliver-early",
    [LS_PLANT_READ_LOCAL] = "read-local",
    [LS_PLANT_SKIP_PRELOAD] = "skip-preload",
    [LS_PLANT_FORGET_TRUNCATE] = "forget-truncate",
    [LS_PLANT_LOSE_SUBMIT] = "lose-submit",
    [LS_PLANT_SKIP_ADOPT] = "skip-adopt",
    [LS_PLANT_IMPATIENT] = "impatient",
    [LS_PLANT_DROP_TAIL] = "drop-tail",
};

const char *ls_plant_name(enum ls_plant p)
{
    return (unsigned)p < LS_PLANT__COUNT ? names[p] : NULL;
}

enum ls_plant ls_plant_parse(const char *name)
{
    for (int i = 0; i < LS_PLANT__COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum ls_plant)i;
        }
    }
    return LS_PLANT__COUNT;
}
