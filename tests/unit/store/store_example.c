/* usage: store_example local|together PATH. Writes the example, and prints its digest. */
#include "example.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    enum status status = STATUS_OK;
    struct error err = {0};
    char hex[33];
    struct team *team = team_new(&argc, &argv);
    if (argc != 3) {
        (void)fprintf(stderr, "usage: store_example local|together PATH\n");
        status = STATUS_USAGE;
        goto done;
    }
    if (strcmp(argv[1], "together") == 0)
        TRY(example_write(team, argv[2], 7, &err));
    else
        TRY(team_agree(team, example_write_local(argv[2], &err), &err));
    TRY(team_agree(team, store_digest(argv[2], NULL, hex, &err), &err));
    if (team_rank(team) == 0)
        (void)printf("%s\n", hex);
done:
    if (status != STATUS_OK)
        (void)fprintf(stderr, "store_example: %s: %s\n", err.where, err.what);
    team_free(team);
    return status_exit(status);
}
