/* The tables incident_* and evidence_* of scores.h5. They are small and the same on every rank: rank 0 writes
 * them whole, the others take part with no entry. */
#include "internal.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

/* Texts one behind the other, with the end of each. */
struct heap {
    char *bytes;
    int64_t *ends;
    size_t count, capacity;
};

static enum status heap_add(struct heap *heap, const char *text, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&heap->bytes, &heap->capacity, heap->count + count + 1, 1, err));
    if (count > 0)
        memcpy(heap->bytes + heap->count, text, count);
    heap->count += count;
done:
    return status;
}

static void heap_clear(struct heap *heap)
{
    free(heap->bytes);
    free(heap->ends);
}

/* Adds the texts of some hashes, parted by blanks, which no name as BIND prints it holds. */
static enum status texts_add(struct heap *heap, const struct evidence_list *list, const uint64_t *hashes,
                             int64_t count, struct error *err)
{
    enum status status = STATUS_OK;
    bool any = false;
    for (int64_t i = 0; i < count; i++) {
        size_t length = 0;
        const char *text = hashes[i] ? evidence_text_of(list, hashes[i], &length) : NULL;
        if (!text)
            continue;
        if (any)
            TRY(heap_add(heap, " ", 1, err));
        any = true;
        TRY(heap_add(heap, text, length, err));
    }
done:
    return status;
}

enum heap_kind { INCIDENT_DOMAIN, EVIDENCE_DOMAIN, EVIDENCE_NAME, EVIDENCE_ENTRY, EVIDENCE_SOFTWARE };

/* Where the hashes of entry `at` of a heap are. */
static const uint64_t *hashes_of(const struct judgement *judgement, enum heap_kind kind, size_t at,
                                 int64_t *count)
{
    *count = kind == EVIDENCE_NAME ? judgement->evidence.items[at].name_count : 1;
    if (kind == INCIDENT_DOMAIN)
        return &judgement->incidents.items[at].domain;
    if (kind == EVIDENCE_ENTRY)
        return &judgement->evidence.items[at].entry;
    return kind == EVIDENCE_DOMAIN ? &judgement->evidence.items[at].domain
                                   : judgement->evidence.items[at].names;
}

static enum status heap_make(const struct judgement *judgement, enum heap_kind kind, struct heap *heap,
                             struct error *err)
{
    enum status status = STATUS_OK;
    const size_t count = kind == INCIDENT_DOMAIN ? judgement->incidents.count : judgement->evidence.count;
    heap->ends = calloc(count + 1, sizeof *heap->ends);
    if (!heap->ends)
        return error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for names");
    for (size_t i = 0; i < count; i++) {
        int64_t hashes = 0;
        const uint64_t *of = hashes_of(judgement, kind, i, &hashes);
        const int32_t past = kind == INCIDENT_DOMAIN ? judgement->incidents.items[i].past : -1;
        if (kind == EVIDENCE_SOFTWARE) {
            const char *software =
                evidence_software(&judgement->evidence, &judgement->evidence.items[i], judgement->known);
            TRY(heap_add(heap, software ? software : "", software ? strlen(software) : 0, err));
        } else if (past >= 0) {
            const char *text = judgement->past.items[past].domain;
            TRY(heap_add(heap, text, strlen(text), err));
        } else {
            TRY(texts_add(heap, &judgement->evidence, of, hashes, err));
        }
        heap->ends[i] = (int64_t)heap->count;
    }
done:
    return status;
}

static enum status heap_dimension(struct store_writer *writer, const struct judgement *judgement,
                                  enum heap_kind kind, const char *name, struct error *err)
{
    enum status status = STATUS_OK;
    struct heap heap = {0};
    TRY(heap_make(judgement, kind, &heap, err));
    TRY(store_dimension(writer, name, heap.count, err));
done:
    heap_clear(&heap);
    return status;
}

enum status judgement_dimensions_local(struct store_writer *writer, const struct judgement *judgement,
                                       struct error *err)
{
    enum status status = STATUS_OK;
    const struct budget *budget = &judgement->budget;
    TRY(store_attribute_i64(writer, NULL, "evidence_fingerprint", judgement->fingerprint, err));
    TRY(store_attribute_i64(writer, NULL, "budget_per_day", budget->per_day, err));
    TRY(store_attribute_f64(writer, NULL, "false_per_day", budget->false_per_day, err));
    TRY(store_dimension(writer, "incident", judgement->incidents.count, err));
    TRY(store_dimension(writer, "evidence", judgement->evidence.count, err));
    TRY(heap_dimension(writer, judgement, INCIDENT_DOMAIN, "incident_domain_byte", err));
    TRY(heap_dimension(writer, judgement, EVIDENCE_DOMAIN, "evidence_domain_byte", err));
    TRY(heap_dimension(writer, judgement, EVIDENCE_NAME, "evidence_name_byte", err));
    TRY(heap_dimension(writer, judgement, EVIDENCE_ENTRY, "evidence_entry_byte", err));
    TRY(heap_dimension(writer, judgement, EVIDENCE_SOFTWARE, "evidence_software_byte", err));
done:
    return status;
}

/* A heap's text and ends; rank 0's alone are written. */
static enum status heap_put(const struct part *part, const struct judgement *judgement, enum heap_kind kind,
                            const char *ends_name, const char *text_name, const char *dimension,
                            const char *text, struct error *err)
{
    enum status status = STATUS_OK;
    struct heap heap = {0};
    TRY(team_agree(part->team, heap_make(judgement, kind, &heap, err), err));
    const bool writes = team_rank(part->team) == 0;
    struct part of_bytes = {
        part->team, part->writer, dimension, writes ? 0 : heap.count, writes ? heap.count : 0, NULL};
    TRY(scores_put(part, ends_name, STORE_I64, NULL, "1", "end of its text", NULL, heap.ends, err));
    TRY(scores_put(&of_bytes, text_name, STORE_CHAR, NULL, "", text, NULL, heap.bytes, err));
done:
    heap_clear(&heap);
    return status;
}

#define MEMBER(name, type, ctype, units, text, meanings, value)                                              \
    for (size_t i = 0; i < part->count; i++)                                                                 \
        ((ctype *)part->room)[i] = (ctype)(items[i].value);                                                  \
    TRY(scores_put(part, name, type, NULL, units, text, meanings, part->room, err))

#define DAY_UNITS "days since 1970-01-01"

static enum status incidents_put(const struct part *part, const struct judgement *judgement,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    const struct incident *items = judgement->incidents.items;
    TRY(scores_put_addresses(part, "incident_ip", "incident_ip_text", items, sizeof *items, err));
    MEMBER("incident_id", STORE_U64, uint64_t, "", "the same from run to run", NULL, id);
    MEMBER("incident_cause", STORE_I8, int8_t, "", "what it looks like", CAUSE_MEANINGS, cause);
    MEMBER("incident_verdict", STORE_I8, int8_t, "", "verdict", VERDICT_MEANINGS, verdict);
    MEMBER("incident_strength", STORE_F64, double, "bit",
           "the strongest mechanism, and 0.3 of each other one", NULL, strength);
    MEMBER("incident_first_day", STORE_I64, int64_t, DAY_UNITS, "first local day with evidence", NULL,
           first_day);
    MEMBER("incident_last_day", STORE_I64, int64_t, DAY_UNITS, "last local day with evidence", NULL,
           last_day);
    MEMBER("incident_evidence", STORE_I64, int64_t, "1",
           "pieces of evidence; 0 when the last run had it and nothing is left of it", NULL, evidence);
    MEMBER("incident_hosts", STORE_I64, int64_t, "1", "IPs that take part; incident_ip has the most bits",
           NULL, hosts);
    MEMBER("incident_status", STORE_I8, int8_t, "",
           "since the last run that found other evidence; past: it was closed in an earlier one",
           INCIDENT_STATUS_MEANINGS, status);
    MEMBER("incident_ack", STORE_I8, int8_t, "", "what people said of it", ACK_MEANINGS, ack);
    MEMBER("incident_told", STORE_I8, int8_t, "",
           "whether it is told: within decide.budget, or on a critical list", "no yes", is_told);
    MEMBER("incident_supports", STORE_I8, int8_t, "",
           "whether it only supports others: none of its mechanisms may alarm by itself, and it is not told",
           "no yes", supports_only);
    TRY(heap_put(part, judgement, INCIDENT_DOMAIN, "incident_domain_end", "incident_domain",
                 "incident_domain_byte", "domains of the strongest evidence, one behind the other", err));
done:
    return status;
}

/* The mechanisms as flag_meanings, behind a blank. */
static const char MECHANISM_MEANINGS[] = ""
#define X(NAME, name, statistic, cause, one, five, thirty, unit, text) " " #name
#include "evidence/mechanisms.def"
#undef X
    ;

static enum status evidence_put(const struct part *part, const struct judgement *judgement, struct error *err)
{
    enum status status = STATUS_OK;
    const struct evidence *items = judgement->evidence.items;
    TRY(scores_put_addresses(part, "evidence_ip", "evidence_ip_text", items, sizeof *items, err));
    MEMBER("evidence_mechanism", STORE_I8, int8_t, "", "statistic that reached its threshold",
           MECHANISM_MEANINGS + 1, mechanism);
    for (size_t i = 0; i < part->count; i++)
        ((int8_t *)part->room)[i] = (int8_t)mechanism_info((enum mechanism)items[i].mechanism)->cause;
    TRY(scores_put(part, "evidence_cause", STORE_I8, NULL, "", "what it looks like", CAUSE_MEANINGS,
                   part->room, err));
    MEMBER("evidence_day", STORE_I64, int64_t, DAY_UNITS, "local day on which the statistic's window ends",
           NULL, day);
    MEMBER("evidence_window_days", STORE_I32, int32_t, "day", "days over which it was taken", NULL,
           window_days);
    MEMBER("evidence_value", STORE_I64, int64_t, "", "statistic, in the mechanism's unit", NULL, value);
    MEMBER("evidence_threshold", STORE_I64, int64_t, "", "its threshold", NULL, threshold);
    MEMBER("evidence_bits", STORE_F64, double, "bit", "log2 of value over threshold, at most 10", NULL, bits);
    MEMBER("evidence_silenced", STORE_I8, int8_t, "",
           "whether an allow list covers it: then no incident has it", "no yes", is_silenced);
    TRY(scores_put(part, "evidence_incident", STORE_I32, NULL, "1",
                   "the incident it belongs to, as an index; -1 when it is silenced", NULL,
                   judgement->incidents.of_evidence, err));
    MEMBER("evidence_feed", STORE_I32, int32_t, "1",
           "number of the list in decide.reputation, from 0; -1 when it is not about a list", NULL, feed);
    MEMBER("evidence_feed_line", STORE_I32, int32_t, "1", "line of that list, 0 when it is not about one",
           NULL, feed_line);
    TRY(heap_put(part, judgement, EVIDENCE_DOMAIN, "evidence_domain_end", "evidence_domain",
                 "evidence_domain_byte", "registered domains, one behind the other", err));
    TRY(heap_put(part, judgement, EVIDENCE_NAME, "evidence_name_end", "evidence_name", "evidence_name_byte",
                 "up to 8 names that show it, with blanks between", err));
    TRY(heap_put(part, judgement, EVIDENCE_ENTRY, "evidence_entry_end", "evidence_entry",
                 "evidence_entry_byte", "domains as they stand on lists, one behind the other", err));
    MEMBER("evidence_allow", STORE_I32, int32_t, "1",
           "number of the list in decide.allow that silences it, from 0; -1 when none does", NULL, allow);
    MEMBER("evidence_allow_line", STORE_I32, int32_t, "1", "line of that list, 0 when there is none", NULL,
           allow_line);
    TRY(heap_put(part, judgement, EVIDENCE_SOFTWARE, "evidence_software_end", "evidence_software",
                 "evidence_software_byte",
                 "software that the domains belong to (decide.known), where it is known", err));
done:
    return status;
}

enum status judgement_put(const struct team *team, struct store_writer *writer,
                          const struct judgement *judgement, struct error *err)
{
    enum status status = STATUS_OK;
    const bool writes = team_rank(team) == 0;
    const size_t incidents = judgement->incidents.count, evidence = judgement->evidence.count;
    const size_t most = incidents > evidence ? incidents : evidence;
    void *room = calloc(most + 1, sizeof(int64_t));
    enum status had = STATUS_OK;
    if (!room)
        had = error_set(err, STATUS_NO_MEMORY, "scores.h5", "", "no room for a column");
    TRY(team_agree(team, had, err));
    struct part part = {team, writer, "incident", writes ? 0 : incidents, writes ? incidents : 0, room};
    TRY(incidents_put(&part, judgement, err));
    part = (struct part){team, writer, "evidence", writes ? 0 : evidence, writes ? evidence : 0, room};
    TRY(evidence_put(&part, judgement, err));
done:
    free(room);
    return status;
}
