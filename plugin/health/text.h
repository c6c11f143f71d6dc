/* Text on its way into lines, labels and JSON: names that people have given, cut to a size by
 * somebody, come with it. One byte that is no UTF-8 makes Prometheus refuse the whole page. */
#ifndef LS_HEALTH_TEXT_H
#define LS_HEALTH_TEXT_H

/* In place: what is no UTF-8, and control characters, become question marks. */
void ls_health_text_tidy(char *text);

#endif
