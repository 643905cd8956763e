/* The .xz format by liblzma: any number of streams one behind the other, zeros between and behind them.
 * Streams are told apart here and not by LZMA_CONCATENATED, which calls garbage behind a stream corrupt data
 * in it. */
#include "internal.h"

#ifdef QUERN_XZ

#    include <lzma.h>

#    include <stdlib.h>

enum { INPUT_BYTES = 1 << 17 };

/* A stream's first byte (xz file format, 2.1.1.1). */
enum { MAGIC_FIRST = 0xfd };

struct xz {
    lzma_stream stream;
    codec_input *input;
    void *input_context;
    const char *fault;
    bool at_end;  // of what is on disk
    bool in_stream;
    uint8_t stored[INPUT_BYTES];
};

static void xz_drop(void *decoder)
{
    struct xz *xz = decoder;
    if (!xz)
        return;
    lzma_end(&xz->stream);
    free(xz);
}

static bool xz_begin(struct xz *xz)
{
    uint64_t memory_most = UINT64_C(1) << WINDOW_MOST_LOG;
    return lzma_stream_decoder(&xz->stream, memory_most, 0) == LZMA_OK;
}

static void *xz_make(codec_input *input, void *context)
{
    struct xz *xz = malloc(sizeof *xz);
    if (!xz)
        return NULL;
    xz->stream = (lzma_stream)LZMA_STREAM_INIT;
    xz->input = input;
    xz->input_context = context;
    xz->fault = NULL;
    xz->at_end = false;
    xz->in_stream = true;
    if (!xz_begin(xz)) {
        xz_drop(xz);
        return NULL;
    }
    return xz;
}

static const char *xz_fault(const void *decoder)
{
    const struct xz *xz = decoder;
    return xz->fault;
}

static const char *fault_text(lzma_ret result)
{
    switch ((int)result) {
    case LZMA_MEMLIMIT_ERROR: return "xz that needs more than 128 MiB to decode";
    case LZMA_OPTIONS_ERROR: return "xz with options that are not known";
    case LZMA_MEM_ERROR: return "no memory to decode xz";
    case LZMA_BUF_ERROR: return "truncated xz";
    default: return "corrupt xz";
    }
}

/* Reads more when all is used up; returns whether there is any. */
static bool xz_refill(struct xz *xz)
{
    if (xz->stream.avail_in == 0 && !xz->at_end) {
        xz->stream.next_in = xz->stored;
        xz->stream.avail_in = xz->input(xz->input_context, xz->stored, INPUT_BYTES);
        xz->at_end = xz->stream.avail_in == 0;
    }
    return xz->stream.avail_in > 0;
}

/* Between streams: passes zeros up to the next one. Returns false at the end. */
static bool xz_next(struct xz *xz)
{
    while (xz_refill(xz) && *xz->stream.next_in == 0) {
        xz->stream.next_in++;
        xz->stream.avail_in--;
    }
    if (xz->stream.avail_in == 0)
        return false;
    if (*xz->stream.next_in != MAGIC_FIRST)
        xz->fault = "garbage follows the xz data";
    else if (!xz_begin(xz))
        xz->fault = fault_text(LZMA_MEM_ERROR);
    xz->in_stream = !xz->fault;
    return !xz->fault;
}

static enum codec_state xz_read(void *decoder, uint8_t *bytes, size_t room, size_t *count)
{
    struct xz *xz = decoder;
    lzma_stream *stream = &xz->stream;
    stream->next_out = bytes;
    stream->avail_out = room;
    bool is_end = false;
    while (!xz->fault && !is_end && stream->avail_out > 0) {
        if (!xz->in_stream && !xz_next(xz)) {
            is_end = !xz->fault;
            break;
        }
        (void)xz_refill(xz);
        // LZMA_BUF_ERROR comes once no call can get further: at the end, that is a file cut short.
        lzma_ret result = lzma_code(stream, xz->at_end ? LZMA_FINISH : LZMA_RUN);
        if (result == LZMA_STREAM_END)
            xz->in_stream = false;
        else if (result != LZMA_OK && (result != LZMA_BUF_ERROR || xz->at_end))
            xz->fault = fault_text(result);
    }
    *count = room - stream->avail_out;
    return xz->fault ? CODEC_BROKEN : is_end ? CODEC_END : CODEC_MORE;
}

const struct codec XZ_CODEC = {xz_make, xz_drop, xz_read, xz_fault, NULL};

#endif
