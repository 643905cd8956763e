/**
 * The parts of a model, shared by the files of this room.
 *
 * `kmeans2` works on int64 lattices with 128-bit sums (wide_kmeans.c), `kmeans` on the int16 grid (kmeans.c);
 * the autoencoder reads the same int16 grid as floats.
 */
#ifndef MODEL_INTERNAL_H
#define MODEL_INTERNAL_H

#include "model/model.h"

#include "wide.h"

#define GRID_COLUMNS MODEL_COLUMNS_MOST  // a row on the grid is always this long, 0 behind its columns
#define GRID_ONE 512  // z = 1 on the grid: 2^9
#define GRID_MOST 4095
#define RAW_ONE 4096  // 1 in the raw columns
#define RAW_END ((int64_t)1 << 43)
#define DRIFT_BINS MODEL_DRIFT_BINS
#define KMEANS_CHOICES_MOST 6
#define GROUP_P 0.002  // a p below this makes a row one of the minority

/** Scales of the columns; z = (value − median)/scale. */
struct scaling {
    size_t columns;
    double median[GRID_COLUMNS];
    double scale[GRID_COLUMNS];
    double floor[GRID_COLUMNS];
    uint8_t active[GRID_COLUMNS];
    uint8_t constant[GRID_COLUMNS];  // 1 where all training rows have one value; not stored
};

struct kmeans {
    int k;
    int64_t *sum;  // [k][GRID_COLUMNS] of the rows of the cluster, on the grid
    int64_t *count;  // [k]
    int16_t *lattice;  // [k][GRID_COLUMNS] the centres that assign
    int64_t *median_distance;  // [k] D² on the grid
    int8_t *group;  // [k] 1 for a cluster with less than 0.5 % of the rows
    int64_t inertia;  // Σ D²
    int64_t passes;  // of Lloyd's from given centres (kmeans_run); not stored
};

/** The curve from which k was chosen; empty where the job gave k. */
struct kmeans_choice {
    size_t count;
    size_t chosen;  // not stored: the file has k
    int k[KMEANS_CHOICES_MOST];
    double gap[KMEANS_CHOICES_MOST];
    double gap_error[KMEANS_CHOICES_MOST];
    double silhouette[KMEANS_CHOICES_MOST];
    int64_t inertia[KMEANS_CHOICES_MOST];  // of the landmarks, on the grid
};

struct kmeans2 {
    int128 sum[2][MODEL_TALK_COLUMNS];
    int64_t count[2];
    int64_t lattice[2][MODEL_TALK_COLUMNS];
    int8_t group[2];  // 1 for the smaller cluster if it has less than 5 % of the rows
    struct scaling scaling;  // of talk_values; columns is 0 with the raw scaling
};

#define MODEL_SETTINGS_BYTES 1024

/** What a fit is of; see identity.h. */
struct identity {
    char settings[MODEL_SETTINGS_BYTES];  // "key=value" lines
    char rows[64];  // how many, and a hash of their content
};

/** A dense net: layer l has width[l + 1] units with width[l] inputs each. */
struct net {
    int layer_count;  // hidden layers and the output
    int width[MODEL_LAYERS_MOST + 2];
    size_t weight_count;  // weights first, then biases, layer by layer
    size_t parameter_count;
    float *parameters;
};

struct loss_point {
    double train;
    double held;
};

/** A net and how it was trained. */
struct trained_net {
    struct net net;  // the parameters of the epoch with the least held-out loss
    struct loss_point *losses;  // [epochs] mean loss of a row and active feature
    int64_t epochs;
};

/** Scores of the calibration rows, and the tail beyond them. */
struct calibration {
    size_t count;
    int64_t *scores;  // [count], sorted
    int64_t knee;  // the 95 % point; the tail begins above it
    int64_t knee_log2;  // log2 of it, in 2^-32
    int64_t mean_excess_log2;  // mean of log2(score) − log2(knee) beyond the knee, in 2^-32; 0: no tail
};

/* Who and when an entry of usual values is of. */
struct usual {
    int32_t is_host;  // 0: of a role
    int32_t role;  // an enum role; a host's own
    uint64_t host;  // content hash of the IP; 0 of a role
    int32_t holiday;  // 1: weekends and holidays
    int32_t time;  // of a role the hour; of a host 1 for the night, 0 for the day
    int64_t rows;
};

/** Usual values by usual_compare: roles, then hosts. */
struct usuals {
    size_t count, columns;
    struct usual *items;  // [count]
    float *values[3];  // [count][columns] each, of 5, 50 and 95 %
};

struct model {
    struct model_context context;
    struct model_settings settings;
    struct model_summary summary;
    struct identity identity;
    char names[GRID_COLUMNS][MODEL_NAME_BYTES];
    uint64_t definitions[GRID_COLUMNS];
    struct scaling scaling;
    int64_t bin_rows[GRID_COLUMNS][DRIFT_BINS];  // training rows by bins of their scaled values (drift.h)
    struct kmeans2 kmeans2;
    struct kmeans kmeans;
    struct kmeans_choice choice;
    struct trained_net nets[MODEL_NETS_MOST];
    int net_count;
    struct calibration kmeans_calibration;
    struct calibration autoencoder_calibration;
    struct usuals usuals;
};

/** Returns STATUS_NO_MEMORY for a failed allocation in `where`. Inline: lints then see that it never is OK.
 * Local. */
MUST_CHECK static inline enum status model_no_memory(const char *where, size_t count, struct error *err)
{
    enum status status = error_set(err, STATUS_NO_MEMORY, where, "use more ranks or more memory",
                                   "no room for %zu entries", count);
    return status == STATUS_OK ? STATUS_NO_MEMORY : status;
}

/** Returns how many nets are trained side by side. Inline. Local. */
static inline int model_nets(const struct model_settings *settings)
{
    return settings->nets > 0 ? settings->nets : 1;
}

/** Returns what column c is, by content. Inline. Local. */
static inline uint64_t input_definition(const struct model_input *input, size_t c)
{
    return input->definitions ? input->definitions[c] : 0;
}

/** Frees nets and their losses, and makes them empty. Local. */
void trained_nets_clear(struct trained_net *nets, int count);

/** Checks settings and sizes against the bounds above; `columns` is the input's. Local. */
MUST_CHECK enum status model_check_local(const struct model_settings *settings, size_t columns,
                                         struct error *err);

#endif
