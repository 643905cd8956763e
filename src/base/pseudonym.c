#include "pseudonym.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 16
#define IPV4_AT 12

struct pseudonyms {
    EVP_CIPHER_CTX *aes;
    uint8_t pad[BLOCK_BYTES];
};

static bool encrypt(struct pseudonyms *pseudonyms, const uint8_t in[BLOCK_BYTES], uint8_t out[BLOCK_BYTES])
{
    int count = 0;
    return EVP_EncryptUpdate(pseudonyms->aes, out, &count, in, BLOCK_BYTES) == 1 && count == BLOCK_BYTES;
}

enum status pseudonyms_new(const uint8_t key[PSEUDONYM_KEY_BYTES], struct pseudonyms **out, struct error *err)
{
    struct pseudonyms *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "pseudonyms", "", "no room for a key");
    made->aes = EVP_CIPHER_CTX_new();
    if (!made->aes || EVP_EncryptInit_ex(made->aes, EVP_aes_128_ecb(), NULL, key, NULL) != 1 ||
        EVP_CIPHER_CTX_set_padding(made->aes, 0) != 1 || !encrypt(made, key + BLOCK_BYTES, made->pad)) {
        pseudonyms_free(made);
        return error_set(err, STATUS_FAILED, "pseudonyms", "check the installation of libcrypto",
                         "AES-128 cannot be used");
    }
    *out = made;
    return STATUS_OK;
}

void pseudonyms_free(struct pseudonyms *pseudonyms)
{
    if (!pseudonyms)
        return;
    EVP_CIPHER_CTX_free(pseudonyms->aes);
    free(pseudonyms);
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

enum status pseudonyms_read(const char *path, struct pseudonyms **out, struct error *err)
{
    char text[2 * PSEUDONYM_KEY_BYTES + 4];
    uint8_t key[PSEUDONYM_KEY_BYTES];
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_set(err, STATUS_IO, path, "make one by: openssl rand -hex 32", "cannot be read: %s",
                         strerror(errno));
    size_t count = fread(text, 1, sizeof text, file);
    (void)fclose(file);
    bool is_hex = true;
    if (count != PSEUDONYM_KEY_BYTES) {
        while (count > 0 && (text[count - 1] == '\n' || text[count - 1] == '\r'))
            count--;
        is_hex = count == 2 * PSEUDONYM_KEY_BYTES;
        for (size_t i = 0; i < PSEUDONYM_KEY_BYTES && is_hex; i++) {
            const int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
            is_hex = high >= 0 && low >= 0;
            key[i] = (uint8_t)(is_hex ? high << 4 | low : 0);
        }
    } else {
        memcpy(key, text, sizeof key);
    }
    enum status status = STATUS_OK;
    if (is_hex)
        status = pseudonyms_new(key, out, err);
    else
        status = error_set(err, STATUS_USAGE, path, "make one by: openssl rand -hex 32",
                           "no key of 64 hexadecimal digits or 32 bytes");
    explicit_bzero(key, sizeof key);
    explicit_bzero(text, sizeof text);
    return status;
}

/* The bit that is added to bit `bit` of an address: the first one of AES of the address's bits before it,
 * with the padding behind (equation 1 of the paper). */
static bool pad_bit(struct pseudonyms *pseudonyms, const uint8_t *address, int bit)
{
    uint8_t in[BLOCK_BYTES], out[BLOCK_BYTES] = {0};
    memcpy(in, pseudonyms->pad, sizeof in);
    memcpy(in, address, (size_t)(bit / 8));
    if (bit % 8) {
        const uint8_t mask = (uint8_t)(0xff << (8 - bit % 8));
        in[bit / 8] = (uint8_t)((address[bit / 8] & mask) | (in[bit / 8] & ~mask));
    }
    const bool good = encrypt(pseudonyms, in, out);
    // A key that was set up encrypts; if not, the address must not come out as it is.
    if (!good)
        abort();
    return out[0] >> 7;
}

static struct ip turn(struct pseudonyms *pseudonyms, const struct ip *ip, bool undo)
{
    static const uint8_t MAPPED[IPV4_AT] = {[10] = 0xff, [11] = 0xff};
    const bool is_v4 = memcmp(ip->bytes, MAPPED, sizeof MAPPED) == 0;
    struct ip made = *ip;
    const uint8_t *from = ip->bytes + (is_v4 ? IPV4_AT : 0);
    uint8_t *to = made.bytes + (is_v4 ? IPV4_AT : 0);
    // The bits before are the address's own: on the way back those that have been found.
    for (int bit = 0; bit < (is_v4 ? 32 : 128); bit++)
        if (pad_bit(pseudonyms, undo ? to : from, bit))
            to[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
    return made;
}

struct ip pseudonym_of(struct pseudonyms *pseudonyms, const struct ip *ip)
{
    return turn(pseudonyms, ip, false);
}

struct ip pseudonym_undo(struct pseudonyms *pseudonyms, const struct ip *pseudonym)
{
    return turn(pseudonyms, pseudonym, true);
}
