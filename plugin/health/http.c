/* HTTP by libmicrohttpd: one thread, every wait is a suspended connection.
 *
 * A stranger can take connections and say nothing, or a byte now and then. So each has a limit of
 * time from its first moment, whatever it sends, and when nearly all are taken the oldest goes: who
 * asks a question and reads the answer is never the oldest for long. */
#include "plugin/health/internal.h"
#include "wsrep/os/clock.h"
#include "wsrep/os/listen.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKLOG 4096
#define HEADER_MAX 8192
#define IDLE_SECONDS 5
#define CONNECTION_LIMIT_US 8000000

struct connection {
    struct connection *older, *newer;
    int fd;
    int64_t since_us;
};

struct request {
    struct MHD_Connection *connection;
    enum ls_health_page page;
    _Atomic(struct ls_health_sample *) sample;
};

/* ---- connections ---- */

static void connection_opened(struct ls_health *h, struct MHD_Connection *mhd, void **at)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *c = info != NULL ? calloc(1, sizeof(*c)) : NULL;

    *at = c;
    if (c == NULL) {
        return;
    }
    c->fd = info->connect_fd;
    c->since_us = ls_clock_us();
    ls_mutex_lock(&h->lock);
    c->older = h->newest;
    *(h->newest != NULL ? &h->newest->newer : &h->oldest) = c;
    h->newest = c;
    h->open++;
    if (h->open > h->opt.connections - h->opt.connections / 8) {
        ls_listen_break(h->oldest->fd);
    }
    ls_mutex_unlock(&h->lock);
}

static void connection_closed(struct ls_health *h, struct connection *c)
{
    if (c == NULL) {
        return;
    }
    ls_mutex_lock(&h->lock);
    *(c->older != NULL ? &c->older->newer : &h->oldest) = c->newer;
    *(c->newer != NULL ? &c->newer->older : &h->newest) = c->older;
    h->open--;
    ls_mutex_unlock(&h->lock);
    free(c);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **at,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_opened(cls, mhd, at);
    } else {
        connection_closed(cls, *at); /* before its descriptor is closed */
    }
}

void ls_health_http_reap(struct ls_health *h)
{
    int64_t now_us = ls_clock_us();

    ls_mutex_lock(&h->lock);
    for (struct connection *c = h->oldest;
         c != NULL && now_us - c->since_us > CONNECTION_LIMIT_US + h->opt.timeout_us;
         c = c->newer) {
        ls_listen_break(c->fd);
    }
    ls_mutex_unlock(&h->lock);
}

/* ---- requests ---- */

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type,
                             char *body, size_t size, const char *allow)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result ok;

    if (r == NULL) {
        free(body);
        return MHD_NO;
    }
    MHD_add_response_header(r, "Content-Type", type);
    MHD_add_response_header(r, "Connection", "close");
    MHD_add_response_header(r, "Cache-Control", "no-store");
    if (allow != NULL) {
        MHD_add_response_header(r, "Allow", allow);
    }
    ok = MHD_queue_response(connection, status, r);
    MHD_destroy_response(r);
    return ok;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *text)
{
    char *body = strdup(text);

    return body == NULL ? MHD_NO
                        : reply(connection, status, "text/plain; charset=utf-8", body, strlen(body),
                                status == 405 ? "GET, HEAD, OPTIONS" : NULL);
}

static enum ls_health_page page_of(const char *url)
{
    static const struct {
        const char *url;
        enum ls_health_page page;
    } pages[] = {
        {"/", LS_HEALTH_CHECK},          {"/writer", LS_HEALTH_WRITER},
        {"/replica", LS_HEALTH_REPLICA}, {"/health", LS_HEALTH_REPORT},
        {"/metrics", LS_HEALTH_METRICS},
    };

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (strcmp(pages[i].url, url) == 0) {
            return pages[i].page;
        }
    }
    return 0;
}

static void answered(void *ctx, struct ls_health_sample *sample)
{
    struct request *r = ctx;

    atomic_store(&r->sample, sample);
    MHD_resume_connection(r->connection);
}

static enum MHD_Result send_page(struct ls_health *h, struct request *r,
                                 const struct ls_health_sample *sample)
{
    const char *donor = MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "donor");
    struct ls_health_reply out;

    ls_health_render(h, r->page, donor != NULL && strcmp(donor, "429") == 0, sample, &out);
    if (out.body == NULL) {
        return refuse(r->connection, 503, "No memory.\r\n");
    }
    return reply(r->connection, out.status, out.type, out.body, out.size, NULL);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **at)
{
    struct ls_health *h = cls;
    struct request *r = *at;
    struct ls_health_sample *sample;

    if (r == NULL) {
        if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
            strcmp(method, "OPTIONS") != 0) {
            return refuse(connection, 405, "Only GET, HEAD and OPTIONS.\r\n");
        }
        if (page_of(url) == 0) {
            return refuse(connection, 404,
                          "There are /, /writer, /replica, /health and /metrics.\r\n");
        }
        r = calloc(1, sizeof(*r));
        if (r == NULL) {
            return refuse(connection, 503, "No memory.\r\n");
        }
        r->connection = connection;
        r->page = page_of(url);
        *at = r;
        return MHD_YES;
    }
    if (*upload_size > 0) { /* nobody wants it */
        *upload_size = 0;
        return MHD_YES;
    }
    sample = atomic_load(&r->sample);
    if (sample == NULL) {
        MHD_suspend_connection(connection);
        ls_health_sampler_ask(h->sampler,
                              r->page == LS_HEALTH_WRITER ? LS_HEALTH_WRITER_FRESH_US
                                                          : LS_HEALTH_FRESH_US,
                              answered, r);
        return MHD_YES;
    }
    return send_page(h, r, sample);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **at,
                         enum MHD_RequestTerminationCode code)
{
    struct request *r = *at;

    if (r != NULL) {
        ls_health_sample_unref(atomic_load(&r->sample));
        free(r);
        *at = NULL;
    }
}

/* What strangers do wrong is nothing for a log. */
static void drop_log(void *cls, const char *fmt, va_list args)
{
}

enum ls_rc ls_health_http_start(struct ls_health *h, struct ls_error *err)
{
    uint16_t bound;
    enum ls_rc rc = ls_listen_open(h->listen, h->opt.port, BACKLOG, &h->http_fd, &bound, err);

    if (rc != LS_OK) {
        return rc;
    }
    h->http = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, h, MHD_OPTION_EXTERNAL_LOGGER, drop_log, NULL, MHD_OPTION_LISTEN_SOCKET,
        h->http_fd, MHD_OPTION_CONNECTION_LIMIT, h->opt.connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_SECONDS, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_END);
    if (h->http == NULL) {
        ls_listen_close(h->http_fd);
        return ls_error_set(err, LS_E_NOMEM, "the HTTP server did not start on port %u",
                            (unsigned)h->opt.port);
    }
    return LS_OK;
}

void ls_health_http_stop(struct ls_health *h)
{
    if (h->http != NULL) {
        MHD_stop_daemon(h->http); /* closes the listening socket, too */
        h->http = NULL;
    }
}
