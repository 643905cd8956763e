/* The same work by 1, 2, 4, … ranks of one run, and what its time follows. */
#include "bench.h"

#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Time against ranks: a part that every rank does, one that they divide, and one that grows with the depth of
 * a tree of messages. */
enum { TERM_CONSTANT, TERM_DIVIDED, TERM_LOG, TERMS };

static double term(int which, double ranks)
{
    return which == TERM_CONSTANT ? 1.0 : which == TERM_DIVIDED ? 1.0 / ranks : log2(ranks);
}

static double fitted(const double fit[TERMS], double ranks)
{
    double sum = 0;
    for (int t = 0; t < TERMS; t++)
        sum += fit[t] * term(t, ranks);
    return sum;
}

/* Solves the normal equations of the terms in `mask` by elimination. Returns false where they do not have one
 * answer. */
static bool solve(const struct ladder *ladder, int side, unsigned mask, double fit[TERMS])
{
    double a[TERMS][TERMS + 1] = {{0}};
    int used[TERMS], count = 0;
    for (int t = 0; t < TERMS; t++)
        if (mask & 1u << t)
            used[count++] = t;
    for (size_t p = 0; p < ladder->count; p++) {
        const double ranks = ladder->points[p].ranks, seconds = ladder->points[p].timed[side].seconds;
        // Relative residuals: the short times of many ranks count as much as the long ones.
        for (int i = 0; i < count; i++) {
            for (int j = 0; j < count; j++)
                a[i][j] += term(used[i], ranks) * term(used[j], ranks) / (seconds * seconds);
            a[i][count] += term(used[i], ranks) / seconds;
        }
    }
    for (int i = 0; i < count; i++) {
        if (fabs(a[i][i]) < 1e-12 * (1 + fabs(a[i][count])))
            return false;
        for (int row = 0; row < count; row++)
            for (int j = count; row != i && j >= i; j--)
                a[row][j] -= a[row][i] / a[i][i] * a[i][j];
    }
    for (int t = 0; t < TERMS; t++)
        fit[t] = 0;
    for (int i = 0; i < count; i++)
        fit[used[i]] = a[i][count] / a[i][i];
    return true;
}

/* Least squares with no term below 0, by trying every set of terms; never as many terms as points. */
static bool fit_find(const struct ladder *ladder, int side, double best[TERMS])
{
    double least = INFINITY;
    for (unsigned mask = 1; mask < 1u << TERMS; mask++) {
        double fit[TERMS] = {0}, error = 0;
        if ((size_t)__builtin_popcount(mask) >= ladder->count || !solve(ladder, side, mask, fit))
            continue;
        bool is_good = true;
        for (int t = 0; t < TERMS; t++)
            is_good = is_good && fit[t] >= 0;
        for (size_t p = 0; p < ladder->count; p++) {
            const double off =
                fitted(fit, ladder->points[p].ranks) / ladder->points[p].timed[side].seconds - 1;
            error += off * off;
        }
        if (!is_good || error >= least * (1 - 1e-9))
            continue;
        least = error;
        memcpy(best, fit, TERMS * sizeof *fit);
    }
    return isfinite(least);
}

double ladder_slowest(const struct team *team, double seconds)
{
    int64_t ns = (int64_t)(seconds * 1e9);
    team_max_i64(team, &ns, 1);
    return (double)(ns > 0 ? ns : 1) * 1e-9;
}

static const char *const SIDE_NAMES[LADDER_SIDES] = {"strong", "weak"};

/* Whether what goes through MPI was counted; what HDF5 sends is not. */
static bool has_sent(const struct ladder *ladder)
{
    bool any = false;
    for (size_t p = 0; p < ladder->count; p++)
        any = any || ladder->points[p].timed[LADDER_STRONG].sent > 0;
    return any;
}

static void points_print(const struct session *session, const struct ladder *ladder, int sides)
{
    (void)fprintf(session->out, "%s\n  ranks", ladder->title);
    for (int side = 0; side < sides; side++)
        (void)fprintf(session->out, "  %14s  %10s", side ? "weak, seconds" : "strong, seconds",
                      side ? "efficiency" : "speed-up");
    (void)fprintf(session->out, "  %14s%s\n", ladder->rate, has_sent(ladder) ? "     MB sent" : "");
    for (size_t p = 0; p < ladder->count; p++) {
        const struct ladder_point *point = &ladder->points[p];
        (void)fprintf(session->out, "  %5d", point->ranks);
        for (int side = 0; side < sides; side++)
            (void)fprintf(session->out, "  %14.4g  %10.2f", point->timed[side].seconds,
                          ladder->points[0].timed[side].seconds / point->timed[side].seconds);
        const struct ladder_timed *strong = &point->timed[LADDER_STRONG];
        (void)fprintf(session->out, "  %14.1f", (double)strong->bytes * 1e-6 / strong->seconds);
        if (has_sent(ladder))
            (void)fprintf(session->out, "  %10.4g", (double)strong->sent * 1e-6);
        (void)fprintf(session->out, "\n");
    }
}

static void ladder_print(const struct session *session, const struct ladder *ladder, int sides)
{
    double fit[TERMS] = {0};
    assert(sides <= LADDER_SIDES);
    points_print(session, ladder, sides);
    for (int side = 0; side < sides; side++) {
        if (!fit_find(ladder, side, fit)) {
            (void)fprintf(session->out, "%s: no fit, which takes two numbers of ranks at least\n",
                          SIDE_NAMES[side]);
            continue;
        }
        (void)fprintf(session->out, "%s: seconds = %.3g + %.3g/ranks + %.3g log2 ranks; by that",
                      SIDE_NAMES[side], fit[TERM_CONSTANT], fit[TERM_DIVIDED], fit[TERM_LOG]);
        for (int ranks = 64; ranks <= 4096; ranks *= 4)
            (void)fprintf(session->out, "%s %.3g with %d", ranks > 64 ? "," : "", fitted(fit, ranks), ranks);
        (void)fprintf(session->out, "\n");
    }
}

static void ladder_json(const struct session *session, const struct ladder *ladder, int sides)
{
    struct json json = json_begin(session->out);
    assert(sides <= LADDER_SIDES);
    static const char *const KEYS[TERMS] = {"constant_s", "divided_s", "log2_s"};
    json_open(&json, NULL, '{');
    json_text(&json, "what", ladder->title, strlen(ladder->title));
    json_open(&json, "points", '[');
    for (size_t p = 0; p < ladder->count; p++) {
        const struct ladder_point *point = &ladder->points[p];
        json_open(&json, NULL, '{');
        json_integer(&json, "ranks", point->ranks);
        for (int side = 0; side < sides; side++) {
            json_number(&json, side ? "weak_s" : "strong_s", point->timed[side].seconds);
            json_integer(&json, side ? "weak_bytes" : "strong_bytes", point->timed[side].bytes);
            if (has_sent(ladder))
                json_integer(&json, side ? "weak_sent_bytes" : "strong_sent_bytes", point->timed[side].sent);
        }
        json_close(&json, '}');
    }
    json_close(&json, ']');
    for (int side = 0; side < sides; side++) {
        double fit[TERMS] = {0};
        if (!fit_find(ladder, side, fit))
            continue;
        json_open(&json, SIDE_NAMES[side], '{');
        for (int t = 0; t < TERMS; t++)
            json_number(&json, KEYS[t], fit[t]);
        json_open(&json, "predicted_s", '[');
        for (int ranks = 64; ranks <= 4096; ranks *= 4)
            json_number(&json, NULL, fitted(fit, ranks));
        json_close(&json, ']');
        json_close(&json, '}');
    }
    json_close(&json, '}');
}

/* One step of the ladder by the first ranks; the others wait for them in the agreement. */
static enum status point_take(struct session *session, ladder_work *work, void *context, int side,
                              struct ladder_point *point, struct error *err)
{
    enum status status = STATUS_OK;
    struct team *part = NULL;
    struct session sub = *session;
    TRY(team_part(session->team, point->ranks, &part, err));
    enum status had = STATUS_OK;
    if (part) {
        sub.team = part;
        had = work(&sub, side, context, &point->timed[side], err);
        team_free(part);
    }
    TRY(team_agree(session->team, had, err));
    team_broadcast(session->team, &point->timed[side], sizeof point->timed[side], 0);
done:
    return status;
}

enum status ladder_run(struct session *session, struct ladder *ladder, int sides, ladder_work *work,
                       void *context, struct error *err)
{
    enum status status = STATUS_OK;
    const int most = team_size(session->team);
    const int from = ladder->from > 0 && ladder->from < most ? ladder->from : ladder->from > most ? most : 1;
    for (int ranks = from; ranks <= most && ladder->count < LADDER_MOST;
         ranks = ranks < most && 2 * ranks > most ? most : 2 * ranks) {
        struct ladder_point *point = &ladder->points[ladder->count++];
        *point = (struct ladder_point){.ranks = ranks};
        for (int side = 0; side < sides; side++)
            TRY(point_take(session, work, context, side, point, err));
    }
    if (!session_prints(session))
        return STATUS_OK;
    if (session->options.json)
        ladder_json(session, ladder, sides);
    else
        ladder_print(session, ladder, sides);
done:
    return status;
}
