/* Zstandard (RFC 8878) by libzstd: any number of frames one behind the other, skippable ones too. */
#include "internal.h"

#ifdef QUERN_ZSTD

#    include <zstd.h>
#    include <zstd_errors.h>

#    include <stdlib.h>

enum { INPUT_BYTES = 1 << 17 };

struct zstd {
    ZSTD_DCtx *context;
    codec_input *input;
    void *input_context;
    ZSTD_inBuffer in;
    const char *fault;
    bool in_frame;
    bool at_end;  // of what is on disk
    bool has_begun;  // a frame was recognised
    uint8_t stored[INPUT_BYTES];
};

static void zstd_drop(void *decoder)
{
    struct zstd *zstd = decoder;
    if (!zstd)
        return;
    (void)ZSTD_freeDCtx(zstd->context);
    free(zstd);
}

static void zstd_restart(void *decoder)
{
    struct zstd *zstd = decoder;
    (void)ZSTD_DCtx_reset(zstd->context, ZSTD_reset_session_only);
    zstd->in = (ZSTD_inBuffer){zstd->stored, 0, 0};
    zstd->in_frame = zstd->at_end = false;
}

static void *zstd_make(codec_input *input, void *context)
{
    struct zstd *zstd = malloc(sizeof *zstd);
    if (!zstd)
        return NULL;
    zstd->context = ZSTD_createDCtx();
    zstd->input = input;
    zstd->input_context = context;
    zstd->fault = NULL;
    zstd->has_begun = false;
    // A frame may ask for 2 GiB of window: memory would be bounded by the file, not by us.
    if (!zstd->context ||
        ZSTD_isError(ZSTD_DCtx_setParameter(zstd->context, ZSTD_d_windowLogMax, WINDOW_MOST_LOG))) {
        zstd_drop(zstd);
        return NULL;
    }
    zstd_restart(zstd);
    return zstd;
}

static const char *zstd_fault(const void *decoder)
{
    const struct zstd *zstd = decoder;
    return zstd->fault;
}

static const char *fault_text(const struct zstd *zstd, size_t result)
{
    switch ((int)ZSTD_getErrorCode(result)) {
    case ZSTD_error_prefix_unknown: return zstd->has_begun ? "garbage follows the zstd data" : "corrupt zstd";
    case ZSTD_error_frameParameter_windowTooLarge: return "zstd that needs a window of more than 128 MiB";
    case ZSTD_error_checksum_wrong: return "wrong checksum in zstd";
    case ZSTD_error_dictionary_wrong: return "zstd that needs a dictionary";
    case ZSTD_error_memory_allocation: return "no memory to decode zstd";
    default: return "corrupt zstd";
    }
}

// NOLINTNEXTLINE(readability-non-const-parameter): libzstd writes there
static enum codec_state zstd_read(void *decoder, uint8_t *bytes, size_t room, size_t *count)
{
    struct zstd *zstd = decoder;
    ZSTD_outBuffer out = {bytes, room, 0};
    enum codec_state state = zstd->fault ? CODEC_BROKEN : CODEC_MORE;
    while (state == CODEC_MORE && out.pos < out.size) {
        if (zstd->in.pos == zstd->in.size && !zstd->at_end) {
            zstd->in.pos = 0;
            zstd->in.size = zstd->input(zstd->input_context, zstd->stored, INPUT_BYTES);
            zstd->at_end = zstd->in.size == 0;
        }
        bool fed = zstd->in.pos < zstd->in.size;
        size_t before = out.pos;
        if (!fed && !zstd->in_frame) {
            state = CODEC_END;
            break;
        }
        // Called without input too: what did not fit into `bytes` last time is still inside.
        size_t result = ZSTD_decompressStream(zstd->context, &out, &zstd->in);
        if (ZSTD_isError(result))
            zstd->fault = fault_text(zstd, result);
        else if (!fed && out.pos == before)
            zstd->fault = "truncated zstd";
        state = zstd->fault ? CODEC_BROKEN : CODEC_MORE;
        zstd->in_frame = result != 0;
        zstd->has_begun = true;
    }
    *count = out.pos;
    return state;
}

const struct codec ZSTD_CODEC = {zstd_make, zstd_drop, zstd_read, zstd_fault, zstd_restart};

#endif
