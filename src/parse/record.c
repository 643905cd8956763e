/* A record: "client …", up to the end of the line, strictly from the left. */
#include "internal.h"

static bool is_digits(struct span text, size_t most, unsigned limit, unsigned *value)
{
    *value = 0;
    if (text.count == 0 || text.count > most)
        return false;
    for (size_t i = 0; i < text.count; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        *value = *value * 10 + (unsigned)(text.at[i] - '0');
    }
    return *value <= limit;
}

/* An address, of a client perhaps with a scope number, which is no part of it. */
bool address_read(struct span text, struct ip *ip)
{
    const char *percent = memchr(text.at, '%', text.count);
    size_t count = percent ? (size_t)(percent - text.at) : text.count;
    unsigned scope = 0;
    if (percent && (!memchr(text.at, ':', count) ||
                    !is_digits((struct span){percent + 1, text.count - count - 1}, 9, 999999999, &scope)))
        return false;
    return ip_read(text.at, count, ip);
}

/* A printed name in parentheses: up to the first ')' that is not escaped. */
static bool name_in_parentheses(struct cursor *cursor, struct span *name)
{
    struct cursor at = *cursor;
    if (!SKIP(&at, " ("))
        return false;
    const char *from = at.at;
    while (rest_of(&at) > 0 && *at.at != ')' && *at.at != ' ')
        at.at += *at.at == '\\' && rest_of(&at) > 1 ? 2 : 1;
    *name = (struct span){from, (size_t)(at.at - from)};
    if (name->count == 0 || !SKIP(&at, ")"))
        return false;
    *cursor = at;
    return true;
}

/* "client [@0x…] ADDR#PORT[/key NAME][ (NAME)]". */
static bool client_read(struct cursor *cursor, struct query *query, bool *has_pointer, struct span *name)
{
    unsigned port = 0;
    struct cursor at = *cursor;
    if (!SKIP(&at, "client "))
        return false;
    *has_pointer = SKIP(&at, "@0x");
    if (*has_pointer) {
        struct span pointer;
        if (!take_until(&at, ' ', &pointer) || pointer.count == 0 || pointer.count > 16 ||
            !is_made_of(pointer, "0123456789abcdef"))
            return false;
        at.at++;
    }
    if (!take_until(&at, '#', &query->client_text) || !address_read(query->client_text, &query->client))
        return false;
    const char *from = ++at.at;
    while (rest_of(&at) > 0 && *at.at >= '0' && *at.at <= '9')
        at.at++;
    query->port_text = (struct span){from, (size_t)(at.at - from)};
    if (!is_digits(query->port_text, 5, 65535, &port))
        return false;
    query->port = (uint16_t)port;
    if (SKIP(&at, "/key ")) {
        from = at.at;
        while (rest_of(&at) > 0 && *at.at != ' ' && !(*at.at == ':' && rest_of(&at) > 1 && at.at[1] == ' '))
            at.at++;
        query->key_text = (struct span){from, (size_t)(at.at - from)};
        if (query->key_text.count == 0)
            return false;
    }
    (void)name_in_parentheses(&at, name);
    *cursor = at;
    return true;
}

/* The last ": query: " or ": response: " in the rest, behind which that same name must stand where it is
 * known: a view comes before it, and behind it nothing has a blank and a colon. */
static const char *last_word(const struct cursor *cursor, const char *text, struct span name)
{
    const size_t word = strlen(text);
    if (rest_of(cursor) < word)
        return NULL;
    for (const char *at = cursor->end - word; at >= cursor->at; at--) {
        if (memcmp(at, text, word) != 0)
            continue;
        size_t rest = (size_t)(cursor->end - at) - word;
        if (name.count == 0 || (rest > name.count && memcmp(at + word, name.at, name.count) == 0 &&
                                at[word + name.count] == ' '))
            return at;
    }
    return NULL;
}

static bool word_take(struct cursor *cursor, struct span *word)
{
    if (!take_until(cursor, ' ', word) || word->count == 0)
        return false;
    cursor->at++;
    return true;
}

static bool class_read(struct span text, uint16_t *number)
{
    static const struct {
        const char *name;
        uint16_t number;
    } CLASSES[] = {{"IN", 1}, {"CH", 3}, {"HS", 4}, {"NONE", 254}, {"ANY", 255}, {"RESERVED0", 0}};
    unsigned value = 0;
    for (size_t i = 0; i < sizeof CLASSES / sizeof CLASSES[0]; i++)
        if (strlen(CLASSES[i].name) == text.count && memcmp(CLASSES[i].name, text.at, text.count) == 0) {
            *number = CLASSES[i].number;
            return true;
        }
    if (text.count <= 5 || memcmp(text.at, "CLASS", 5) != 0 ||
        !is_digits((struct span){text.at + 5, text.count - 5}, 5, 65535, &value))
        return false;
    *number = (uint16_t)value;
    return true;
}

/* The flags are a set; their order changed in 9.20.3. */
bool flags_read(struct cursor *cursor, struct query *query)
{
    static const struct {
        char letter;
        uint16_t flag;
    } LETTERS[] = {{'S', QUERY_SIGNED}, {'E', QUERY_EDNS},         {'T', QUERY_TCP},   {'D', QUERY_DO},
                   {'C', QUERY_CD},     {'V', QUERY_COOKIE_VALID}, {'K', QUERY_COOKIE}};
    const char *from = cursor->at;
    if (SKIP(cursor, "+"))
        query->flags = QUERY_RECURSION;
    else if (!SKIP(cursor, "-"))
        return false;
    while (rest_of(cursor) > 0 && *cursor->at != ' ') {
        uint16_t flag = 0;
        for (size_t i = 0; i < sizeof LETTERS / sizeof LETTERS[0]; i++)
            if (LETTERS[i].letter == *cursor->at)
                flag = LETTERS[i].flag;
        if (flag == 0 || query->flags & flag)
            return false;
        query->flags |= flag;
        cursor->at++;
        if (flag == QUERY_EDNS && SKIP(cursor, "(")) {
            struct span version;
            unsigned value = 0;
            if (!take_until(cursor, ')', &version) || !is_digits(version, 3, 255, &value))
                return false;
            cursor->at++;
        }
    }
    query->flags_text = (struct span){from, (size_t)(cursor->at - from)};
    return true;
}

bool server_text_read(struct span text, struct query *query)
{
    const char *hash = memchr(text.at, '#', text.count);
    if (hash) {
        unsigned port = 0;
        query->server_port_text = (struct span){hash + 1, text.count - (size_t)(hash + 1 - text.at)};
        if (!is_digits(query->server_port_text, 5, 65535, &port))
            return false;
        text.count = (size_t)(hash - text.at);
    }
    query->server_text = text;
    query->has_server = address_read(text, &query->server);
    return query->has_server;
}

/* " (ADDR[#PORT])". */
static bool server_read(struct cursor *cursor, struct query *query)
{
    struct span text;
    if (!SKIP(cursor, " (") || !take_until(cursor, ')', &text))
        return false;
    cursor->at++;
    return server_text_read(text, query);
}

/* What named prints for an address of a client's own making: family 0 says "no address" (RFC 7871, 7.1.2). */
static bool is_no_address(struct span text)
{
    static const char NONE[] = "<unknown address, family 0>";
    return text.count == sizeof NONE - 1 && memcmp(text.at, NONE, text.count) == 0;
}

/* " [ECS ADDR/n/n]". */
static bool ecs_read(struct cursor *cursor, struct query *query)
{
    struct span address, source;
    struct ip ip;
    unsigned value = 0;
    if (!SKIP(cursor, " [ECS ") || !take_until(cursor, ']', &query->ecs_text))
        return false;
    struct cursor at = {query->ecs_text.at, cursor->at};
    cursor->at++;
    if (!take_until(&at, '/', &address) ||
        (!ip_read(address.at, address.count, &ip) && !is_no_address(address)))
        return false;
    at.at++;
    if (!take_until(&at, '/', &source) || !is_digits(source, 3, 128, &value))
        return false;
    at.at++;
    return is_digits((struct span){at.at, rest_of(&at)}, 3, 128, &value);
}

/* "[ (server)][ [ECS …]]" and nothing behind it. A pointer, or a name in parentheses, without a server does
 * not exist. */
static bool tail_read(struct cursor *cursor, bool needs_server, struct query *query)
{
    if (rest_of(cursor) > 1 && cursor->at[1] == '(') {
        if (!server_read(cursor, query))
            return false;
    } else if (needs_server) {
        return false;
    }
    if (rest_of(cursor) > 0 && !ecs_read(cursor, query))
        return false;
    return rest_of(cursor) == 0;
}

/* "NAME CLASS TYPE " at the cursor; the name is that of the parentheses. */
static bool question_read(struct cursor *cursor, struct span name, struct query *query)
{
    if (!word_take(cursor, &query->qname_text))
        return false;
    if (name.count > 0 &&
        (name.count != query->qname_text.count || memcmp(name.at, query->qname_text.at, name.count) != 0))
        return false;
    return qname_read(query->qname_text, query) && word_take(cursor, &query->class_text) &&
           class_read(query->class_text, &query->qclass) && word_take(cursor, &query->type_text) &&
           qtype_read(query->type_text, &query->qtype);
}

static enum line_kind reject(struct query *query, const char *reason)
{
    query->reject_reason = reason;
    return LINE_REJECT;
}

/* " RCODE n n n" of a response line, before its flags. */
static bool outcome_read(struct cursor *cursor, struct query *query)
{
    struct span counts;
    unsigned value = 0;
    if (!word_take(cursor, &query->rcode_text))
        return false;
    const char *from = cursor->at;
    for (int i = 0; i < 3; i++)
        if (!word_take(cursor, &counts) || !is_digits(counts, 5, 65535, &value))
            return false;
    query->counts_text = (struct span){from, (size_t)(cursor->at - 1 - from)};
    return true;
}

/* Text behind the client that begins no query: another category's, unless a query line was cut there. */
static enum line_kind other_text(struct cursor cursor, struct query *query)
{
    static const char WORD[] = "query: ";
    struct span view;
    if (!SKIP(&cursor, ": "))
        return reject(query, "the line ends inside the client");
    if (SKIP(&cursor, "view ")) {
        if (!take_until(&cursor, ':', &view) || !SKIP(&cursor, ": "))
            return reject(query, "the line ends inside the view");
    }
    size_t count = rest_of(&cursor) < sizeof WORD - 1 ? rest_of(&cursor) : sizeof WORD - 1;
    if (memcmp(cursor.at, WORD, count) == 0)
        return reject(query, "no whole query behind the client");
    return LINE_OTHER;
}

/* "client @0x… (no-peer): TEXT" and "client @0x…: TEXT", of debugging: a client object that asks nothing yet.
 */
static bool is_without_peer(struct cursor cursor)
{
    struct span pointer;
    if (!SKIP(&cursor, "client @0x"))
        return false;
    const char *from = cursor.at;
    while (rest_of(&cursor) > 0 && is_made_of((struct span){cursor.at, 1}, "0123456789abcdef"))
        cursor.at++;
    pointer = (struct span){from, (size_t)(cursor.at - from)};
    (void)SKIP(&cursor, " (no-peer)");
    return pointer.count > 0 && pointer.count <= 16 && rest_of(&cursor) > 2 && SKIP(&cursor, ": ") &&
           !SKIP(&cursor, "query: ") && !last_word(&cursor, ": query: ", (struct span){0});
}

/* The record's word in a named view; of two, the later one, since a view's name can imitate it. */
static const char *word_behind_view(const struct cursor *cursor, enum category category, bool has_pointer,
                                    struct span name, bool *is_response)
{
    *is_response = false;
    // Since there are pointers, each query has its name in front: what has none only quotes one. And so does
    // another category, such as an update that adds a text.
    if (rest_of(cursor) <= 7 || memcmp(cursor->at, ": view ", 7) != 0 || category == CATEGORY_OTHER ||
        (has_pointer && name.count == 0))
        return NULL;
    const char *query = category == CATEGORY_RESPONSES ? NULL : last_word(cursor, ": query: ", name);
    const char *response =
        category == CATEGORY_QUERIES || name.count == 0 ? NULL : last_word(cursor, ": response: ", name);
    *is_response = response && (!query || response > query);
    return *is_response ? response : query;
}

static enum line_kind response_read(struct cursor *cursor, struct span name, struct query *query)
{
    // Responses are logged since 9.20: their server is always there.
    if (question_read(cursor, name, query) && outcome_read(cursor, query) && flags_read(cursor, query) &&
        tail_read(cursor, true, query))
        return LINE_RESPONSE;
    return reject(query, "a damaged response");
}

enum line_kind record_read(struct cursor cursor, enum category category, struct query *query)
{
    const bool other_category = category == CATEGORY_OTHER;
    bool has_pointer = false, is_response = false;
    struct span name = {0};
    if (!client_read(&cursor, query, &has_pointer, &name))
        return other_category || (category == CATEGORY_NONE && is_without_peer(cursor))
                   ? LINE_OTHER
                   : reject(query, "no client address and port");
    bool needs_server = has_pointer || name.count > 0;
    if (SKIP(&cursor, ": response: "))
        return response_read(&cursor, name, query);
    const char *word = cursor.at;
    if (rest_of(&cursor) < 9 || memcmp(cursor.at, ": query: ", 9) != 0)
        word = word_behind_view(&cursor, category, has_pointer, name, &is_response);
    if (!word && category != CATEGORY_NONE)
        return other_category ? LINE_OTHER : reject(query, "no whole query behind the client");
    if (!word)
        return other_text(cursor, query);
    if (word != cursor.at)
        query->view_text = (struct span){cursor.at + 7, (size_t)(word - cursor.at - 7)};
    cursor.at = word + (is_response ? 12 : 9);
    if (is_response)
        return response_read(&cursor, name, query);
    if (!question_read(&cursor, name, query))
        return reject(query, "the two names differ, or name, class or type is damaged");
    if (!flags_read(&cursor, query))
        return reject(query, "damaged flags");
    if (!tail_read(&cursor, needs_server, query))
        return reject(query, "damaged server address or ECS");
    return LINE_QUERY;
}
