/* quern find DIR NAME: who asked for this name, or for anything below it, when, and how often. */
#include "session.h"

#include "base/json.h"
#include "base/text.h"
#include "report/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void askers_json(FILE *stream, const struct run_machines *machines, const struct asker *askers,
                        size_t count)
{
    struct json json = json_begin(stream);
    json_open(&json, NULL, '[');
    for (size_t i = 0; i < count; i++) {
        char ip[IP_TEXT_BYTES], first[16], last[16];
        struct ip address;
        const char *host = machine_tell(&machines->of, &askers[i].ip, &address);
        const size_t length = ip_write(&address, ip);
        day_write_text(askers[i].first_day, first);
        day_write_text(askers[i].last_day, last);
        json_open(&json, NULL, '{');
        json_text(&json, "ip", ip, length);
        if (*host)
            json_text(&json, "host", host, strlen(host));
        json_text(&json, "first_day", first, strlen(first));
        json_text(&json, "last_day", last, strlen(last));
        json_integer(&json, "days", askers[i].days);
        json_integer(&json, "queries", askers[i].queries);
        json_integer(&json, "names", askers[i].names);
        json_close(&json, '}');
    }
    json_close(&json, ']');
}

static void askers_print(FILE *stream, const char *name, const struct run_machines *machines,
                         const struct asker *askers, size_t count)
{
    char shown[4 * QNAME_TEXT_BYTES];
    (void)text_for_terminal(name, strlen(name), shown, sizeof shown);
    if (count == 0) {
        (void)fprintf(stream, "%s: not asked\n", shown);
        return;
    }
    (void)fprintf(stream, "%s and below: %zu IP%s\n  %-39s %-10s %-10s %6s %10s %8s%s\n", shown, count,
                  count > 1 ? "s" : "", "IP", "first day", "last day", "days", "queries", "names",
                  machines->of.leases ? "  host" : "");
    for (size_t i = 0; i < count; i++) {
        char ip[IP_TEXT_BYTES], first[16], last[16], host[4 * MACHINE_NAME_BYTES];
        struct ip address;
        const char *machine = machine_tell(&machines->of, &askers[i].ip, &address);
        (void)text_for_terminal(machine, strlen(machine), host, sizeof host);
        (void)ip_write(&address, ip);
        day_write_text(askers[i].first_day, first);
        day_write_text(askers[i].last_day, last);
        (void)fprintf(stream, "  %-39s %-10s %-10s %6" PRId64 " %10" PRId64 " %8" PRId64 "%s%s\n", ip, first,
                      last, askers[i].days, askers[i].queries, askers[i].names, *host ? "  " : "", host);
    }
}

enum status command_find(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct asker *askers = NULL;
    struct run_machines machines = {.window_s = 0};
    size_t count = 0;
    char store[4200];
    const char *dir = session->options.words[0], *name = session->options.words[1];
    TRY(session_store(dir, store, sizeof store, err));
    TRY(run_machines_read(dir, &machines, err));
    TRY(askers_find(store, name, &machines, &askers, &count, err));
    if (session->options.json)
        askers_json(session->out, &machines, askers, count);
    else
        askers_print(session->out, name, &machines, askers, count);
done:
    run_machines_clear(&machines);
    free(askers);
    return status;
}
