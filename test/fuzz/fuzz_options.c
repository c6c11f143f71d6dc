/* The option string, the cluster address and the arbitrator's configuration file, as an
 * administrator may mistype them. The first byte chooses which. */
#include "gcomm/options/cluster_url.h"
#include "gcomm/options/provider_options.h"
#include "plugin/arbitrator/command.h"
#include "wsrep/base/assert.h"
#include "wsrep/base/log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drop(enum ls_log_level level, const char *text)
{
}

static void try_url(const char *text)
{
    struct ls_cluster_url url;
    struct ls_error err = {.text = ""};

    if (ls_cluster_url_parse(text, &url, &err) != LS_OK) {
        LS_ASSERT(err.text[0] != '\0');
        return;
    }
    LS_ASSERT(url.count <= LS_URL_MAX_PEERS);
    for (size_t i = 0; i < url.count; i++) {
        LS_ASSERT(strrchr(url.peers[i], ':') != NULL);
    }
}

/* What loads must be shown, and what is shown must load again. */
static void try_options(const char *text)
{
    struct ls_provider_options *po, *again;
    struct ls_provider_settings settings;
    struct ls_error err = {.text = ""};

    LS_ASSERT(ls_provider_options_create("/d/", "127.0.0.1", &po, NULL) == LS_OK);
    LS_ASSERT(ls_provider_options_create("/d/", "127.0.0.1", &again, NULL) == LS_OK);
    if (ls_provider_options_load(po, text, &err) == LS_OK) {
        char *shown = ls_provider_options_format(po);
        ls_provider_options_get(po, &settings);
        LS_ASSERT(ls_provider_options_load(again, shown, &err) == LS_OK);
        LS_ASSERT(ls_provider_options_set(po, shown, &err) == LS_OK);
        free(shown);
    } else {
        LS_ASSERT(err.text[0] != '\0');
    }
    (void)ls_provider_options_set(again, text, &err);
    ls_provider_options_destroy(po);
    ls_provider_options_destroy(again);
}

/* The arbitrator's configuration file. */
static void try_config_file(char *text)
{
    struct ls_arbitrator_command c = {0};
    struct ls_error err = {.text = ""};

    if (ls_arbitrator_config_text(&c, text, &err) != LS_OK) {
        LS_ASSERT(strncmp(err.text, "line ", 5) == 0);
    } else if (ls_arbitrator_command_check(&c, &err) != LS_OK) {
        LS_ASSERT(err.text[0] != '\0');
    }
    ls_arbitrator_command_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size == 0) {
        return 0;
    }
    ls_log_set_sink(drop);
    text = malloc(size);
    LS_ASSERT(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] == 'u') {
        try_url(text);
    } else if (data[0] == 'c') {
        try_config_file(text);
    } else {
        try_options(text);
    }
    free(text);
    return 0;
}
