/* The scan of lines, once for each level of instructions: SCAN_KERNEL names the function.
 *
 * Each step asks for what the commonest line has next, and gives up when it is not there: what is given up is
 * read by line_parse. Nothing is changed in the parser until the line is known to be whole. */
#include "internal.h"
#include "scan_block.h"

/* Both halves of the product of two words. */
static inline uint64_t scan_fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    const wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes, the first one lowest. */
static inline uint64_t word_at(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint64_t word_tag(uint64_t tag, const char bytes[64], const uint64_t keys[8])
{
    uint64_t sum = tag;
    for (size_t i = 0; i < 4; i++)
        sum +=
            scan_fold(word_at(bytes + 16 * i) ^ keys[2 * i], word_at(bytes + 16 * i + 8) ^ keys[2 * i + 1]);
    return scan_fold(sum ^ keys[0], keys[1]);
}

/* "SS.mmm": the second, or -1 when it is not that. */
static inline int second_read(const char *at, int *milliseconds)
{
    const uint64_t text = word_at(at) ^ 0x00003030302e3030u;
    const uint64_t over = (text + 0x00007676767f7676u) | text;
    if (over & 0x0000808080808080u)
        return -1;
    *milliseconds = (int)((text >> 24 & 15) * 100 + (text >> 32 & 15) * 10 + (text >> 40 & 15));
    return (int)((text & 15) * 10 + (text >> 8 & 15));
}

/* The stamp's minute and the head behind it, as remembered or learnt anew. Returns what comes behind the
 * head, NULL when the head is another. */
static inline const char *head_skip(struct line_parser *parser, const char *line)
{
    const struct scan_head *head = &parser->scan;
    const uint64_t want = mask_of(head->head_count);
    // A head without pointer begins as one with a pointer does.
    const bool is_known =
        head->head_count > 0 &&
        (block_same(block_load(line + head->fraction_end), block_load(head->head)) & want) == want &&
        (head->has_pointer || line[head->fraction_end + head->head_count] != '@');
    if (!is_known && !scan_learn_head(parser, line))
        return NULL;
    return line + head->fraction_end + head->head_count;
}

/* "7f82f4347c70 ", of 1 to 16 digits; 12 are usual, and need not be counted before it goes on. */
static inline const char *pointer_skip(const char *at)
{
    const block text = block_load(at);
    const uint64_t digits = block_between(text, '0', '9') | block_between(text, 'a', 'f');
    if ((digits & 0x1fff) == 0xfff && at[12] == ' ')
        return at + 13;
    const int count = __builtin_ctzll(~digits | (uint64_t)1 << 17);
    return count > 0 && count <= 16 && at[count] == ' ' ? at + count + 1 : NULL;
}

/* "ADDR#PORT (". Returns what comes behind it. */
static inline const char *client_skip(const char *at, struct scan *scan)
{
    const uint64_t hashes = block_find(block_load(at), '#');
    if (hashes == 0)
        return NULL;
    const int count = __builtin_ctzll(hashes);
    const char *port = at + count + 1;
    const uint64_t text = word_at(port) ^ 0x3030303030303030u;
    const uint64_t over = ((text + 0x7676767676767676u) | text) & 0x8080808080808080u;
    const int digits = over ? __builtin_ctzll(over) / 8 : 8;
    if (count > 62 || digits < 1 || digits > 5 ||
        (digits == 5 && __builtin_bswap64(word_at(port)) >> 24 > 0x3635353335u) || port[digits] != ' ' ||
        port[digits + 1] != '(')
        return NULL;
    scan->client_at = (uint16_t)(at - scan->line);
    scan->client_count = (uint8_t)count;
    scan->port_count = (uint8_t)digits;
    return port + digits + 2;
}

/* The name up to ")", with its tag. */
static inline const char *name_skip(const struct line_parser *parser, const char *at, bool without_tag,
                                    struct scan *scan)
{
    char lower[64];
    size_t count = 0;
    uint64_t tag = 0, capitals = 0;
    for (;;) {
        const block text = block_load(at + count);
        const uint64_t end = block_find(text, ')');
        const uint64_t stop = end | block_find(text, ' ') | block_find(text, '\\');
        const uint64_t mask = stop ? (stop & -stop) - 1 : ~(uint64_t)0;
        if (stop && !(end & stop & -stop))
            return NULL;
        if (!without_tag) {
            const uint64_t upper = block_between(text, 'A', 'Z') & mask;
            capitals |= upper;
            block_store(lower, block_lower(text, upper, mask));
            tag = word_tag(tag, lower, parser->keys);
            if (count == 0)
                scan->name_start = word_at(lower);
        }
        if (stop) {
            count += (size_t)__builtin_ctzll(stop);
            break;
        }
        count += 64;
        if (count > 256)
            return NULL;
    }
    if (count == 0 || count > 253)
        return NULL;
    scan->mixed_case = false;
    if (capitals)
        for (size_t i = 0; i < count && !scan->mixed_case; i++)
            scan->mixed_case = at[i] >= 'a' && at[i] <= 'z';
    scan->name_at = (uint16_t)(at - scan->line);
    scan->name_count = (uint16_t)count;
    scan->name_tag = tag;
    return at + count;
}

/* "): query: " or "): view VIEW: query: ". */
static inline const char *query_skip(const char *at, struct scan *scan)
{
    scan->view_at = scan->view_count = 0;
    if (word_at(at) == 0x7972657571203a29u && at[8] == ':' && at[9] == ' ')
        return at + 10;
    if (word_at(at) != 0x2077656976203a29u)
        return NULL;
    const uint64_t colons = block_find(block_load(at + 8), ':');
    if (colons == 0)
        return NULL;
    const int count = __builtin_ctzll(colons);
    const char *behind = at + 8 + count;
    // ": query:" and " ".
    if (word_at(behind) != 0x3a7972657571203au || behind[8] != ' ')
        return NULL;
    scan->view_at = (uint16_t)(at + 8 - scan->line);
    scan->view_count = (uint16_t)count;
    return behind + 9;
}

/* The name again, and " IN ". */
static inline const char *question_skip(const char *at, struct scan *scan)
{
    const char *name = scan->line + scan->name_at;
    for (size_t done = 0; done < scan->name_count; done += 64) {
        const uint64_t want = mask_of(scan->name_count - done);
        if ((block_same(block_load(at + done), block_load(name + done)) & want) != want)
            return NULL;
    }
    const char *class = at + scan->name_count;
    if ((uint32_t)word_at(class) != 0x204e4920u)
        return NULL;
    scan->question_at = (uint16_t)(at - scan->line);
    return class + 4;
}

/* A word of up to 15 bytes before a blank, zeros behind it; returns its length, 0 when it is none. */
static inline size_t word_read(const char *at, uint64_t text[2])
{
    const uint64_t a = word_at(at), b = word_at(at + 8), blanks = 0x2020202020202020u;
    uint64_t first = a ^ blanks, second = b ^ blanks;
    // The lowest byte that this calls zero is zero; others above it may be called so wrongly.
    first = (first - 0x0101010101010101u) & ~first & 0x8080808080808080u;
    second = (second - 0x0101010101010101u) & ~second & 0x8080808080808080u;
    if (first) {
        const size_t count = (size_t)__builtin_ctzll(first) / 8;
        text[0] = a & mask_of(8 * count);
        text[1] = 0;
        return count;
    }
    if (!second)
        return 0;
    const size_t count = (size_t)__builtin_ctzll(second) / 8;
    text[0] = a;
    text[1] = b & mask_of(8 * count);
    return 8 + count;
}

static inline bool word_find(const struct scan_word *words, const uint64_t text[2], uint16_t *value)
{
    size_t at = scan_word_home(text[0], text[1]);
    for (int i = 0; i < SCAN_PROBES; i++, at = (at + 1) % SCAN_WORDS)
        if (words[at].text[0] == text[0] && words[at].text[1] == text[1] && words[at].is_known) {
            *value = words[at].value;
            return true;
        }
    return false;
}

/* "TYPE FLAGS " up to "(". */
static inline const char *flags_skip(struct line_parser *parser, const char *at, struct scan *scan)
{
    uint64_t type[2], flags[2];
    const size_t type_count = word_read(at, type);
    if (type_count == 0 || (!word_find(parser->types, type, &scan->qtype) &&
                            !scan_learn_type(parser, type, type_count, &scan->qtype)))
        return NULL;
    const char *behind = at + type_count + 1;
    const size_t flags_count = word_read(behind, flags);
    if (flags_count == 0 || behind[flags_count + 1] != '(' ||
        (!word_find(parser->flags, flags, &scan->flags) &&
         !scan_learn_flags(parser, flags, flags_count, &scan->flags)))
        return NULL;
    scan->type_at = (uint16_t)(at - scan->line);
    scan->type_count = (uint8_t)type_count;
    scan->flags_at = (uint16_t)(behind - scan->line);
    scan->flags_count = (uint8_t)flags_count;
    return behind + flags_count + 2;
}

static inline bool server_find(const struct line_parser *parser, size_t home, block text, uint16_t *server)
{
    size_t at = home;
    for (int i = 0; i < SCAN_PROBES; i++, at = (at + 1) % SCAN_SERVERS)
        if (parser->servers[at].is_known &&
            block_same(block_load(parser->servers[at].text), text) == ~(uint64_t)0) {
            *server = (uint16_t)at;
            return true;
        }
    return false;
}

/* "SERVER)" and the end of the line. */
static inline const char *server_skip(struct line_parser *parser, const char *at, struct scan *scan)
{
    const block bytes = block_load(at);
    const uint64_t end = block_find(bytes, ')');
    if (end == 0)
        return NULL;
    const size_t count = (size_t)__builtin_ctzll(end);
    if (at[count + 1] != '\n')
        return NULL;
    const block text = block_lower(bytes, 0, mask_of(count));
    const size_t home = scan_word_home(word_at(at) & mask_of(8 * count),
                                       count > 8 ? word_at(at + 8) & mask_of(8 * (count - 8)) : 0);
    if (!server_find(parser, home, text, &scan->server)) {
        uint64_t words[8];
        block_store(words, text);
        if (!scan_learn_server(parser, words, count, &scan->server))
            return NULL;
    }
    scan->server_at = (uint16_t)(at - scan->line);
    scan->server_count = (uint8_t)count;
    return at + count + 1;
}

/* The time, which is within bounds; the parser has then seen it. */
static inline bool time_take(struct line_parser *parser, const struct scan_bounds *bounds, struct scan *scan)
{
    const struct scan_head *head = &parser->scan;
    const char *line = scan->line;
    int milliseconds = 0;
    const size_t minute_end = (size_t)head->fraction_end - 6;
    const int second = second_read(line + minute_end, &milliseconds);
    const bool by_zone = head->is_local && parser->zone;
    if (second < 0)
        return false;
    scan->stamp_count = (uint8_t)(head->fraction_end + head->tail_count);
    if (!head->is_known || second > 59 || word_at(line) != word_at(head->minute) ||
        word_at(line + 8) != word_at(head->minute + 8) ||
        word_at(line + minute_end - 8) != word_at(head->minute + minute_end - 8) ||
        (by_zone && parser->cached_minute != head->minute_number)) {
        const struct line_mark mark = line_parser_mark(parser);
        if (!scan_learn_minute(parser, line, scan))
            return false;
        if (scan->time_ms >= bounds->from_ms && scan->time_ms < bounds->to_ms)
            return true;
        line_parser_return(parser, &mark);
        return false;
    }
    scan->time_ms = (head->base_s + second) * 1000 + milliseconds;
    scan->is_local_time = head->is_local;
    scan->fold_guessed = false;
    if (scan->time_ms < bounds->from_ms || scan->time_ms >= bounds->to_ms)
        return false;
    if (by_zone) {
        parser->last_local_s = head->minute_number * 60 + second;
        parser->in_fold = parser->is_guess = false;
    }
    return true;
}

static inline bool line_scan(struct line_parser *parser, bool without_names, struct scan *scan)
{
    const char *at = head_skip(parser, scan->line);
    if (at && parser->scan.has_pointer)
        at = pointer_skip(at);
    if (!at || !(at = client_skip(at, scan)) || !(at = name_skip(parser, at, without_names, scan)) ||
        !(at = query_skip(at, scan)) || !(at = question_skip(at, scan)) ||
        !(at = flags_skip(parser, at, scan)) || !(at = server_skip(parser, at, scan)))
        return false;
    scan->count = (uint32_t)(at - scan->line);
    return true;
}

size_t SCAN_KERNEL(struct line_parser *parser, const char *at, const char *end, size_t most,
                   const struct scan_bounds *bounds, struct scan *scans)
{
    const char *last = bounds->last_line;
    size_t last_count = bounds->last_count, done = 0;
    while (done < most && end - at >= SCAN_REACH) {
        struct scan *scan = &scans[done];
        scan->line = at;
        if (!line_scan(parser, bounds->without_names, scan))
            break;
        if (last && last_count == scan->count && memcmp(last, at, last_count) == 0)
            break;
        if (!time_take(parser, bounds, scan))
            break;
        last = at;
        last_count = scan->count;
        at += last_count + 1;
        done++;
    }
    return done;
}
