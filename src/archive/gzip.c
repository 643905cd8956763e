/* Gzip (RFC 1952) by ISA-L: any number of members one behind the other, zeros between and behind them. */
#include "internal.h"

#include <isa-l/igzip_lib.h>

#include <stdlib.h>

enum { INPUT_BYTES = 1 << 17 };

/* A member's first two bytes, RFC 1952 §2.3.1. */
enum { MAGIC_FIRST = 0x1f, MAGIC_SECOND = 0x8b };

struct gzip {
    struct inflate_state inflate;
    codec_input *input;
    void *context;
    const char *fault;
    bool in_member;
    bool at_end;  // of what is on disk
    uint8_t stored[INPUT_BYTES];
};

static void gzip_restart(void *decoder)
{
    struct gzip *gzip = decoder;
    isal_inflate_init(&gzip->inflate);
    gzip->inflate.avail_in = 0;
    gzip->inflate.next_in = gzip->stored;
    gzip->fault = NULL;
    gzip->in_member = false;
    gzip->at_end = false;
}

static void *gzip_make(codec_input *input, void *context)
{
    // Not calloc: 400 kB of zeros a file, and inflate_init sets what ISA-L reads.
    struct gzip *gzip = malloc(sizeof *gzip);
    if (!gzip)
        return NULL;
    gzip->input = input;
    gzip->context = context;
    gzip_restart(gzip);
    return gzip;
}

static const char *gzip_fault(const void *decoder)
{
    const struct gzip *gzip = decoder;
    return gzip->fault;
}

/* Reads more when all is used up; returns whether there is any. */
static bool gzip_refill(struct gzip *gzip)
{
    if (gzip->inflate.avail_in == 0 && !gzip->at_end) {
        gzip->inflate.next_in = gzip->stored;
        gzip->inflate.avail_in = (uint32_t)gzip->input(gzip->context, gzip->stored, INPUT_BYTES);
        gzip->at_end = gzip->inflate.avail_in == 0;
    }
    return gzip->inflate.avail_in > 0;
}

static enum codec_state gzip_break(struct gzip *gzip, const char *fault)
{
    gzip->fault = fault;
    return CODEC_BROKEN;
}

/* Between members: passes zeros, which tapes and preallocating writers leave, up to the next one. */
static enum codec_state gzip_begin(struct gzip *gzip)
{
    while (gzip_refill(gzip) && *gzip->inflate.next_in == 0) {
        gzip->inflate.next_in++;
        gzip->inflate.avail_in--;
    }
    if (gzip->inflate.avail_in == 0)
        return CODEC_END;
    if (*gzip->inflate.next_in != MAGIC_FIRST)
        return gzip_break(gzip, "garbage follows the gzip data");
    isal_inflate_reset(&gzip->inflate);
    gzip->inflate.crc_flag = ISAL_GZIP;
    gzip->in_member = true;
    return CODEC_MORE;
}

static const char *fault_text(int result)
{
    switch (result) {
    case ISAL_INCORRECT_CHECKSUM: return "wrong checksum in gzip";
    case ISAL_INVALID_WRAPPER: return "garbage follows the gzip data";
    case ISAL_UNSUPPORTED_METHOD: return "unknown method in gzip";
    default: return "corrupt gzip";
    }
}

/* One call of isal_inflate, inside a member. */
static enum codec_state gzip_inflate(struct gzip *gzip)
{
    struct inflate_state *inflate = &gzip->inflate;
    bool fed = gzip_refill(gzip);
    uint32_t room = inflate->avail_out;
    // Called without input too: what did not fit into `bytes` last time is still inside.
    int result = isal_inflate(inflate);
    if (result < 0)
        return gzip_break(gzip, fault_text(result));
    if (inflate->block_state == ISAL_BLOCK_FINISH)
        gzip->in_member = false;
    else if (!fed && inflate->avail_out == room)
        return gzip_break(gzip, "truncated gzip");
    return CODEC_MORE;
}

static enum codec_state gzip_read(void *decoder, uint8_t *bytes, size_t room, size_t *count)
{
    struct gzip *gzip = decoder;
    enum codec_state state = gzip->fault ? CODEC_BROKEN : CODEC_MORE;
    if (room > UINT32_MAX / 2)
        room = UINT32_MAX / 2;
    gzip->inflate.next_out = bytes;
    gzip->inflate.avail_out = (uint32_t)room;
    while (state == CODEC_MORE && gzip->inflate.avail_out > 0)
        state = gzip->in_member ? gzip_inflate(gzip) : gzip_begin(gzip);
    *count = room - gzip->inflate.avail_out;
    return state;
}

const struct codec GZIP_CODEC = {gzip_make, free, gzip_read, gzip_fault, gzip_restart};
