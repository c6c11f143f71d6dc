#include "wsrep/service/service.h"

#include <systemd/sd-daemon.h>

void ls_service_notify(const char *state)
{
    sd_notify(0, state); /* without NOTIFY_SOCKET it does nothing */
}
