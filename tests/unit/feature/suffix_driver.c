/* usage: suffix_driver LIST < NAMES. For each line, a name in lower case without escapes, prints its
 * registered domain, or an empty line when the name is itself a public suffix. */
#include "feature/feature.h"

#include <stdio.h>
#include <string.h>

static enum status name_lay(const char *text, struct qname *qname, struct error *err)
{
    memset(qname, 0, sizeof *qname);
    for (const char *at = text; *at;) {
        size_t count = strcspn(at, ".");
        if (count == 0 || count > 63 || qname->bytes + count + 2 > sizeof qname->wire)
            return error_set(err, STATUS_USAGE, "name", "", "no name: %s", text);
        qname->label_at[qname->label_count++] = qname->bytes;
        qname->wire[qname->bytes++] = (uint8_t)count;
        memcpy(qname->wire + qname->bytes, at, count);
        qname->bytes = (uint8_t)(qname->bytes + count);
        at += count + (at[count] == '.');
    }
    qname->bytes++;  // the root's octet
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    enum status status = STATUS_OK;
    struct error err = {0};
    struct suffixes *suffixes = NULL;
    char line[512];
    TRY(suffixes_read(argc == 2 ? argv[1] : "", &suffixes, &err));
    while (fgets(line, sizeof line, stdin)) {
        struct qname qname;
        size_t suffix = 0;
        line[strcspn(line, "\n")] = '\0';
        TRY(name_lay(line, &qname, &err));
        size_t sub = suffixes_sub_labels(suffixes, &qname, &suffix);
        // Labels hold no dot here, so a label's place on the wire is its place in the text.
        (void)puts(suffix < qname.label_count ? line + qname.label_at[sub] : "");
    }
done:
    if (status != STATUS_OK)
        (void)fprintf(stderr, "suffix_driver: %s: %s\n", err.where, err.what);
    suffixes_free(suffixes);
    return status_exit(status);
}
