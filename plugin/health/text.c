#include "plugin/health/text.h"

#include <stddef.h>

/* Bytes of the character that begins here (RFC 3629); 0: there is none. */
static size_t character(const unsigned char *p)
{
    /* The first byte, and what may follow it: then 0x80 to 0xbf up to the size. */
    static const struct {
        unsigned char from, to, next_from, next_to, size;
    } forms[] = {
        {0x20, 0x7e, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (p[0] < forms[i].from || p[0] > forms[i].to) {
            continue;
        }
        if (p[1] < forms[i].next_from || p[1] > forms[i].next_to) {
            return 0;
        }
        for (size_t k = 2; k < forms[i].size; k++) {
            if (p[k] < 0x80 || p[k] > 0xbf) {
                return 0;
            }
        }
        return forms[i].size;
    }
    return 0;
}

void ls_health_text_tidy(char *text)
{
    while (*text != '\0') {
        size_t n = character((const unsigned char *)text);
        if (n == 0) {
            *text = '?';
        }
        text += n > 0 ? n : 1;
    }
}
