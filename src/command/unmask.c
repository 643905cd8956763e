/* quern unmask DIR PSEUDONYM...: the addresses behind pseudonyms, for who has the key. */
#include "session.h"

#include "base/text.h"
#include "report/report.h"

#include <stdio.h>
#include <string.h>

/* What the results say of the address: whether the key was the right one shows here. */
static const char *verdict_of(const struct verdicts *verdicts, const char *ip)
{
    for (size_t i = 0; i < verdicts->ip_count; i++)
        if (strcmp(verdicts->ips[i].ip, ip) == 0)
            return verdict_name((enum verdict)verdicts->ips[i].verdict);
    return "not in these results";
}

enum status command_unmask(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct pseudonyms *pseudonyms = NULL;
    struct verdicts verdicts = {0};
    const struct options *options = &session->options;
    if (!options->key)
        return error_set(err, STATUS_USAGE, "--key", "give the key file of output.pseudonyms", "is missing");
    TRY(pseudonyms_read(options->key, &pseudonyms, err));
    TRY(verdicts_read(options->words[0], &verdicts, err));
    for (size_t i = 1; i < options->word_count; i++) {
        struct ip ip, last;
        char pseudonym[IP_TEXT_BYTES], address[IP_TEXT_BYTES], name[4 * MACHINE_NAME_BYTES];
        if (!ip_read(options->words[i], strlen(options->words[i]), &ip)) {
            status = error_set(err, STATUS_USAGE, options->words[i], "write it as alerts.jsonl has it",
                               "no address");
            goto done;
        }
        (void)ip_write(&ip, pseudonym);
        ip = pseudonym_undo(pseudonyms, &ip);
        (void)ip_write(&ip, address);
        (void)fprintf(session->out, "%s  %s  %s", pseudonym, address, verdict_of(&verdicts, address));
        const char *host = machine_tell(&verdicts.machines, &ip, &last);
        (void)text_for_terminal(host, strlen(host), name, sizeof name);
        (void)fprintf(session->out, "%s%s\n", *host ? "  " : "", name);
    }
done:
    pseudonyms_free(pseudonyms);
    verdicts_clear(&verdicts);
    return status;
}
