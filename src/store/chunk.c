/* A chunk as HDF5's filters would leave it: shuffled by us, deflated by ISA-L, which takes a quarter of the
 * time of HDF5's own filter at its fastest level. On shuffled columns its level 1 gives what level 3 gives
 * (23.7 MB of a day of the generated log, both), in half the time.
 *
 * What it packs to is not a function of the values alone: for the second byte of a stream ISA-L 2.30's levels
 * 1 and 2 hash a register that holds the stream's address (igzip_icf_body_h1_gr_bt.asm, tmp2 at
 * .write_first_byte), so that once in a few hundred chunks another, equally good match is found. Values, and
 * so digests, are the same; level 3 does not do that, but costs an extraction an eighth of its time. */
#include "base/map.h"

#include "internal.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>

enum { PACKER_LEVEL_BYTES = ISAL_DEF_LVL1_DEFAULT };

struct packer {
    struct isal_zstream stream;
    uint8_t level[PACKER_LEVEL_BYTES];
    uint8_t *shuffled;
    size_t shuffled_room;
    uint8_t *packed;
    size_t packed_room;
};

struct packer *packer_new(void)
{
    return calloc(1, sizeof(struct packer));
}

void packer_free(struct packer *packer)
{
    if (!packer)
        return;
    free(packer->shuffled);
    free(packer->packed);
    free(packer);
}

/* Turns a square of eight times eight bytes: byte j of word i becomes byte i of word j. */
static void square_turn(uint64_t words[8])
{
    static const uint64_t KEEP[3] = {0x00000000ffffffffu, 0x0000ffff0000ffffu, 0x00ff00ff00ff00ffu};
    for (int step = 0; step < 3; step++) {
        const int apart = 4 >> step, shift = 8 * apart;
        for (int i = 0; i < 8; i++) {
            if (i & apart)
                continue;
            const uint64_t low = words[i], high = words[i + apart];
            words[i] = (low & KEEP[step]) | (high & KEEP[step]) << shift;
            words[i + apart] = (low >> shift & KEEP[step]) | (high & ~KEEP[step]);
        }
    }
}

/* Eight values at a time, of a width below eight with zeros above. */
static size_t squares_shuffle(const uint8_t *values, size_t count, size_t chunk_count, size_t width,
                              uint8_t *out)
{
    size_t done = 0;
    for (; done + 8 <= count; done += 8) {
        uint64_t words[8] = {0};
        for (size_t i = 0; i < 8; i++)
            memcpy(&words[i], values + (done + i) * width, width);
        square_turn(words);
        for (size_t j = 0; j < width; j++)
            memcpy(out + j * chunk_count + done, &words[j], 8);
    }
    return done;
}

/* Byte j of all values before byte j + 1 of any (H5Z_FILTER_SHUFFLE); what is missing of the chunk is 0. */
static void shuffle(const uint8_t *values, size_t count, size_t chunk_count, size_t width, uint8_t *out)
{
    size_t done = 0;
    if (width == 1) {
        memcpy(out, values, count);
        done = count;
    }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    // With the width as a constant, so that values are read as words.
    else if (width == 8)
        done = squares_shuffle(values, count, chunk_count, 8, out);
    else if (width == 4)
        done = squares_shuffle(values, count, chunk_count, 4, out);
    else if (width == 2)
        done = squares_shuffle(values, count, chunk_count, 2, out);
#endif
    for (size_t j = 0; j < width; j++) {
        uint8_t *plane = out + j * chunk_count;
        for (size_t i = done; i < count; i++)
            plane[i] = values[i * width + j];
        memset(plane + count, 0, chunk_count - count);
    }
}

enum status packer_pack(struct packer *packer, const void *values, size_t count, size_t chunk_count,
                        size_t width, const void **packed, size_t *packed_bytes, struct error *err)
{
    size_t bytes = chunk_count * width;  // below 2^30, by the limit on a row
    // A literal takes at most 15 bits, so twice the input holds any output that has no stored block in it,
    // and a stored block is smaller still.
    size_t bound = 2 * bytes + 4096;
    enum status status = STATUS_OK;
    TRY(array_reserve(&packer->shuffled, &packer->shuffled_room, bytes, 1, err));
    TRY(array_reserve(&packer->packed, &packer->packed_room, bound, 1, err));
    shuffle(values, count, chunk_count, width, packer->shuffled);
    struct isal_zstream *stream = &packer->stream;
    isal_deflate_init(stream);
    stream->level = 1;
    stream->level_buf = packer->level;
    stream->level_buf_size = PACKER_LEVEL_BYTES;
    stream->gzip_flag = IGZIP_ZLIB;
    stream->end_of_stream = 1;
    stream->flush = NO_FLUSH;
    stream->next_in = packer->shuffled;
    stream->avail_in = (uint32_t)bytes;
    stream->next_out = packer->packed;
    stream->avail_out = (uint32_t)bound;
    if (isal_deflate(stream) != COMP_OK || stream->internal_state.state != ZSTATE_END) {
        status = error_set(err, STATUS_FAILED, "", "", "ISA-L could not deflate %zu bytes", bytes);
        goto done;
    }
    *packed = packer->packed;
    *packed_bytes = stream->total_out;
done:
    return status;
}
