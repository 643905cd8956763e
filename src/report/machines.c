/* Whose the addresses of a store were, by the leases of a run's scores.h5: the store itself knows of none. */
#include "report/report.h"

#include "internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum status run_machines_read(const char *dir, struct run_machines *machines, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    struct stat there;
    char path[4200], timezone[64];
    *machines = (struct run_machines){0};
    (void)snprintf(path, sizeof path, "%s/scores.h5", dir);
    if (stat(path, &there) != 0)
        return STATUS_OK;
    TRY(store_open_local(path, &reader, err));
    TRY(machines_get(reader, &machines->of, err));
    if (!machines->of.leases)
        goto done;
    TRY(store_get_attribute_i64(reader, NULL, "window_s", &machines->window_s, err));
    TRY(store_get_attribute_text(reader, NULL, "timezone", timezone, sizeof timezone, err));
    TRY(zone_load(timezone, &machines->zone, err));
    if (machines->window_s <= 0 || machines->window_s > 86400)
        status = error_set(err, STATUS_CORRUPT, path, "run score again", "its window is out of range");
done:
    store_close(reader);
    if (status != STATUS_OK)
        run_machines_clear(machines);
    return status;
}

void run_machines_clear(struct run_machines *machines)
{
    score_machines_clear(&machines->of);
    zone_free(machines->zone);
    *machines = (struct run_machines){0};
}

void number_leave(const struct score_machines *machines, struct pseudonyms *pseudonyms,
                  const struct ip *number, struct leaving *out)
{
    struct ip last;
    char made[IP_TEXT_BYTES];
    *out = (struct leaving){.host = machine_tell(machines, number, &last)};
    (void)ip_write(&last, made);
    address_leave(pseudonyms, made, out->address);
    // A person's laptop may have the person's name.
    if (!pseudonyms || !*out->host)
        return;
    (void)ip_write(number, made);
    address_leave(pseudonyms, made, out->number);
    out->host = out->number;
}
