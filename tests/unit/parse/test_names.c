/* Names from print to the wire and back, and types as numbers. */
#include "internal.h"  // before cmocka.h, which has a macro skip()

#include "rendered.h"

struct name {
    const char *text;
    const char *wire;  // hexadecimal, as sent; NULL: no name that BIND prints
};

static const struct name NAMES[] = {
    {".", "00"},
    {"a", "016100"},
    {"A.b", "0141016200"},
    {"www.Example.COM", "03777777074578616d706c6503434f4d00"},
    {"xn--wgv71a.example", "0a786e2d2d7767763731610765"
                           "78616d706c6500"},
    {"a\\.b.c", "03612e62016300"},
    {"\\@\\$\\\"\\(\\)\\.\\;\\\\", "08402422282"
                                   "92e3b5c00"},
    {"x\\032y", "0378207900"},
    {"\\000\\001\\010\\031\\127\\128\\255", "0700010a1f7f80ff00"},
    {"\\230\\151\\165", "03e697a500"},
    {"\\\\046", "045c30343600"},
    {"\\\\\\046", NULL},  // \046 is a dot, and a dot is printed as "\."
    {"!#%&'*+,-/:<=>?[]^_`{|}~", "18212325262"
                                 "72a2b2c2d2f3a3c3d3e3f5b5d5e5f607b7c7d7e00"},
    {"query:.view.example", "0671756572793a0476696577"
                            "076578616d706c6500"},
    {"<unknown>", "093c756e6b6e6f776e3e00"},  // printable octets; named writes it for no name of the wire
    {"", NULL},
    {"..", NULL},
    {".a", NULL},
    {"a.", NULL},
    {"a..b", NULL},
    {"a\\", NULL},
    {"a\\0", NULL},
    {"a\\03", NULL},
    {"a\\0x2", NULL},
    {"a\\256", NULL},
    {"a\\999", NULL},
    {"a\\x", NULL},
    {"a\\-", NULL},
    {"a\\065", NULL},
    {"a\\046b", NULL},
    {"a(b", NULL},
    {"a)b", NULL},
    {"a;b", NULL},
    {"a\"b", NULL},
    {"a@b", NULL},
    {"a$b", NULL},
    {"a b", NULL},
    {"a\tb", NULL},
    {"a\x7f", NULL},
    {"b\xc3\xbcro", NULL},
};

static void test_names_become_the_octets_that_were_sent(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        struct query query = {0};
        char wire[511] = "", text[QNAME_TEXT_BYTES];
        bool is_name = qname_read((struct span){NAMES[i].text, strlen(NAMES[i].text)}, &query);
        if (is_name != (NAMES[i].wire != NULL))
            fail_msg("%s %s a name", NAMES[i].text, is_name ? "is taken for" : "is refused as");
        if (!is_name)
            continue;
        for (size_t at = 0; at < query.qname.bytes; at++)
            (void)snprintf(wire + 2 * at, 3, "%02x", query.wire_as_sent[at]);
        assert_string_equal(wire, NAMES[i].wire);
        assert_int_equal(qname_text(query.wire_as_sent, query.qname.bytes, text, sizeof text),
                         strlen(NAMES[i].text));
        assert_string_equal(text, NAMES[i].text);
    }
}

/* A name of labels of these lengths, all of one octet as it is printed. */
static size_t name_of(const size_t *labels, size_t count, const char *octet, char *text)
{
    size_t length = 0;
    for (size_t label = 0; label < count; label++) {
        if (label > 0)
            text[length++] = '.';
        for (size_t i = 0; i < labels[label]; i++) {
            for (const char *c = octet; *c; c++)
                text[length++] = *c;
        }
    }
    return length;
}

static void test_lengths_are_counted_in_octets(void **state)
{
    (void)state;
    static const struct {
        size_t labels[4], count;
        size_t bytes;  // 0: too long
    } SHAPES[] = {{{63}, 1, 65},
                  {{64}, 1, 0},
                  {{1, 63}, 2, 67},
                  {{63, 63, 63, 61}, 4, 255},
                  {{63, 63, 63, 62}, 4, 0},
                  {{61, 63, 63, 63}, 4, 255},
                  {{62, 63, 63, 63}, 4, 0}};
    static const char *const OCTETS[] = {"x", "\\255", "\\."};
    static char text[2048], again[QNAME_TEXT_BYTES];
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++)
        for (size_t o = 0; o < 3; o++) {
            struct query query = {0};
            size_t length = name_of(SHAPES[i].labels, SHAPES[i].count, OCTETS[o], text);
            assert_int_equal(qname_read((struct span){text, length}, &query), SHAPES[i].bytes > 0);
            if (SHAPES[i].bytes == 0)
                continue;
            assert_int_equal(query.qname.bytes, SHAPES[i].bytes);
            assert_int_equal(query.qname.label_count, SHAPES[i].count);
            assert_int_equal(qname_text(query.wire_as_sent, query.qname.bytes, again, sizeof again), length);
            assert_memory_equal(again, text, length);
        }
    // The longest print of a name has 1,003 characters (BIND-FORMAT 4).
    assert_int_equal(name_of(SHAPES[3].labels, 4, "\\255", text), 1003);
}

static void test_there_are_at_most_127_labels(void **state)
{
    (void)state;
    char text[256];
    struct query query = {0};
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? '.' : 'a';
    assert_true(qname_read((struct span){text, 2 * 127 - 1}, &query));
    assert_int_equal(query.qname.label_count, 127);
    assert_int_equal(query.qname.bytes, 255);
    assert_int_equal(query.qname.label_at[126], 252);
    assert_false(qname_read((struct span){text, 2 * 128 - 1}, &query));
}

static void test_only_ascii_letters_have_a_case(void **state)
{
    (void)state;
    static const struct {
        const char *text, *lower;
        bool mixed;
        unsigned changes;
    } CASES[] = {{"www.example", "www.example", false, 0}, {"WWW.EXAMPLE", "www.example", false, 0},
                 {"wWw.eXample", "www.example", true, 4},  {"a1B2.C-d", "a1b2.c-d", true, 2},
                 {"\\196\\228x", "\\196\\228x", false, 0}, {"Z\\@\\[z", NULL, false, 0},
                 {"A.\\000.b", "a.\\000.b", true, 1},      {"[`{", "[`{", false, 0}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct query query = {0};
        char text[QNAME_TEXT_BYTES];
        bool is_name = qname_read((struct span){CASES[i].text, strlen(CASES[i].text)}, &query);
        assert_int_equal(is_name, CASES[i].lower != NULL);
        if (!is_name)
            continue;
        (void)qname_text(query.qname.wire, query.qname.bytes, text, sizeof text);
        assert_string_equal(text, CASES[i].lower);
        assert_int_equal(query.mixed_case, CASES[i].mixed);
        assert_int_equal(query.case_changes, CASES[i].changes);
    }
}

static void test_a_name_is_never_printed_beyond_its_room(void **state)
{
    (void)state;
    uint8_t wire[255];
    char text[QNAME_TEXT_BYTES + 1];
    // A hostile wire: one label whose length leads out of the name.
    memset(wire, 0xff, sizeof wire);
    for (size_t room = 2; room <= QNAME_TEXT_BYTES; room += 7) {
        memset(text, '#', sizeof text);
        size_t length = qname_text(wire, sizeof wire, text, room);
        assert_true(length < room);
        assert_int_equal(text[length], '\0');
        assert_int_equal(text[room], '#');
    }
    assert_int_equal(qname_text(wire, 0, text, sizeof text), 1);
    assert_string_equal(text, ".");
}

/* Section 5 of the format's description, and the types that RFC 1035 and IANA's list name. */
static const struct {
    const char *name;
    unsigned number;
} TYPES[] = {
    {"A", 1},
    {"NS", 2},
    {"CNAME", 5},
    {"SOA", 6},
    {"NULL", 10},
    {"PTR", 12},
    {"MX", 15},
    {"TXT", 16},
    {"NSAP", 22},
    {"NSAP-PTR", 23},
    {"AAAA", 28},
    {"EID", 31},
    {"NIMLOC", 32},
    {"SRV", 33},
    {"ATMA", 34},
    {"NAPTR", 35},
    {"A6", 38},
    {"DNAME", 39},
    {"SINK", 40},
    {"OPT", 41},
    {"DS", 43},
    {"RRSIG", 46},
    {"NSEC", 47},
    {"DNSKEY", 48},
    {"DHCID", 49},
    {"NSEC3", 50},
    {"NSEC3PARAM", 51},
    {"TLSA", 52},
    {"SMIMEA", 53},
    {"HIP", 55},
    {"CDS", 59},
    {"CDNSKEY", 60},
    {"OPENPGPKEY", 61},
    {"CSYNC", 62},
    {"ZONEMD", 63},
    {"SVCB", 64},
    {"HTTPS", 65},
    {"DSYNC", 66},
    {"HHIT", 67},
    {"BRID", 68},
    {"UINFO", 100},
    {"UID", 101},
    {"GID", 102},
    {"UNSPEC", 103},
    {"NID", 104},
    {"L32", 105},
    {"L64", 106},
    {"LP", 107},
    {"EUI48", 108},
    {"EUI64", 109},
    {"TKEY", 249},
    {"TSIG", 250},
    {"IXFR", 251},
    {"AXFR", 252},
    {"MAILB", 253},
    {"MAILA", 254},
    {"ANY", 255},
    {"URI", 256},
    {"CAA", 257},
    {"AVC", 258},
    {"DOA", 259},
    {"AMTRELAY", 260},
    {"RESINFO", 261},
    {"WALLET", 262},
    {"TA", 32768},
    {"RESERVED0", 0},
    {"TYPE0", 0},
    {"TYPE1", 1},
    {"TYPE64", 64},
    {"TYPE65", 65},
    {"TYPE257", 257},
    {"TYPE65280", 65280},
    {"TYPE65533", 65533},
    {"TYPE65535", 65535},
};

static void test_types_are_numbers_whatever_a_release_calls_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        uint16_t number = 12345;
        char alias[16];
        if (!qtype_read((struct span){TYPES[i].name, strlen(TYPES[i].name)}, &number) ||
            number != TYPES[i].number)
            fail_msg("%s is %u", TYPES[i].name, (unsigned)number);
        (void)snprintf(alias, sizeof alias, "TYPE%u", TYPES[i].number);
        assert_true(qtype_read((struct span){alias, strlen(alias)}, &number));
        assert_int_equal(number, TYPES[i].number);
    }
}

static void test_what_is_no_type(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"",           "a",          "AA",      "TYPE",    "TYPE65536",
                                        "TYPE99999",  "TYPE100000", "TYPE065", "TYPE00",  "TYPE-1",
                                        "TYPE+1",     "TYPE6x",     "type65",  "KEYDATA", "Https",
                                        "HTTPSHTTPS", "NSEC3PARAMS"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        uint16_t number = 0;
        if (qtype_read((struct span){TEXTS[i], strlen(TEXTS[i])}, &number))
            fail_msg("\"%s\" is taken for type %u", TEXTS[i], (unsigned)number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_become_the_octets_that_were_sent),
        cmocka_unit_test(test_lengths_are_counted_in_octets),
        cmocka_unit_test(test_there_are_at_most_127_labels),
        cmocka_unit_test(test_only_ascii_letters_have_a_case),
        cmocka_unit_test(test_a_name_is_never_printed_beyond_its_room),
        cmocka_unit_test(test_types_are_numbers_whatever_a_release_calls_them),
        cmocka_unit_test(test_what_is_no_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
