/* Loses memory of its own, so that a test sees LeakSanitizer find it among what MPI and HDF5 keep. */
#include "example.h"

#include <stdlib.h>

static void leak_here(void)
{
    char *volatile lost = malloc(100);
    lost = NULL;
    (void)lost;  // NOLINT(clang-analyzer-unix.Malloc): it is what the program is for
}

int main(int argc, char **argv)
{
    struct team *team = team_new(&argc, &argv);
    (void)store_open_handles();
    leak_here();
    team_free(team);
    return 0;
}
