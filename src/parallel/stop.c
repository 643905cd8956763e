#include "parallel/stop.h"

#include <signal.h>

// A handler is given nothing but the number of the signal, so what it notes has no other place.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): a signal handler's note
static volatile sig_atomic_t was_asked;

static void note(int signal_number)
{
    (void)signal_number;
    was_asked = 1;
}

void stop_listen(void)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    was_asked = 0;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGUSR1, &action, 0);
    (void)sigaction(SIGTERM, &action, 0);
}

bool stop_asked(void)
{
    return was_asked != 0;
}
