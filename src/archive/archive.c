#include "archive/archive.h"

#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* What the others must know before they can make room. */
struct announced {
    uint64_t file_count;
    uint64_t warning_count;
    uint64_t unusable_count;
    uint64_t text_bytes;
};

void archive_clear(struct archive *archive)
{
    free(archive->files);
    free(archive->warnings);
    free(archive->texts);
    *archive = (struct archive){0};
}

/* The texts lie in the order of those who own them. */
static void archive_link(struct archive *archive)
{
    char *text = archive->texts;
    for (size_t i = 0; i < archive->file_count; i++) {
        archive->files[i].path = text;
        text += strlen(text) + 1;
    }
    for (size_t i = 0; i < archive->warning_count; i++) {
        archive->warnings[i].path = text;
        text += strlen(text) + 1;
        archive->warnings[i].text = text;
        text += strlen(text) + 1;
    }
}

static enum status check_found(const struct archive *found, const char *pattern, struct error *err)
{
    if (found->file_count > 0)
        return STATUS_OK;
    if (found->unusable_count == 0)
        return error_set(err, STATUS_NO_INPUT, pattern ? pattern : "archive",
                         "check the path; globs know * ? [..] and **", "no log was found");
    // The warnings are lost with the archive, so the first one that is about a file goes along.
    const struct archive_warning *first = found->warnings;
    while (!first->is_file)
        first++;
    return error_set(err, STATUS_NO_INPUT, first->path,
                     "logs are text, plain or compressed by gzip, zstd or xz",
                     "none of %zu files can be used; this one %s", found->unusable_count, first->text);
}

static enum status find_local(const struct archive_source *sources, size_t source_count,
                              const struct archive_memory *memory, size_t memory_count,
                              struct archive *archive, struct error *err)
{
    enum status status = STATUS_OK;
    const char *first = NULL;
    struct archive found = {0};
    struct finding *finding = finding_new(memory, memory_count);
    if (!finding)
        return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room for a list of files");
    for (size_t i = 0; i < source_count; i++) {
        for (size_t j = 0; j < sources[i].path_count; j++) {
            first = first ? first : sources[i].paths[j];
            TRY(walk_pattern(finding, i, sources[i].paths[j], err));
        }
    }
    TRY(finding_finish(finding, &found, err));
    archive_link(&found);
    TRY(check_found(&found, first, err));
    *archive = found;
    found = (struct archive){0};
done:
    archive_clear(&found);
    finding_free(finding);
    return status;
}

static enum status make_room_local(const struct announced *announced, struct archive *archive,
                                   struct error *err)
{
    archive->file_count = announced->file_count;
    archive->warning_count = announced->warning_count;
    archive->unusable_count = announced->unusable_count;
    archive->text_bytes = announced->text_bytes;
    archive->files = calloc(archive->file_count + 1, sizeof *archive->files);
    archive->warnings = calloc(archive->warning_count + 1, sizeof *archive->warnings);
    archive->texts = malloc(archive->text_bytes + 1);
    if (archive->files && archive->warnings && archive->texts)
        return STATUS_OK;
    return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room for a list of %zu files",
                     archive->file_count);
}

enum status archive_find_again(const struct team *team, const struct archive_source *sources,
                               size_t source_count, const struct archive_memory *memory, size_t memory_count,
                               struct archive *archive, struct error *err)
{
    enum status status = STATUS_OK;
    bool is_first = team_rank(team) == 0;
    struct archive found = {0};
    struct announced announced = {0};
    enum status had =
        is_first ? find_local(sources, source_count, memory, memory_count, &found, err) : STATUS_OK;
    TRY(team_agree(team, had, err));
    if (is_first)
        announced =
            (struct announced){found.file_count, found.warning_count, found.unusable_count, found.text_bytes};
    team_broadcast(team, &announced, sizeof announced, 0);
    TRY(team_agree(team, is_first ? STATUS_OK : make_room_local(&announced, &found, err), err));
    // Structs go as they are, with rank 0's pointers in them, which archive_link replaces.
    team_broadcast(team, found.files, found.file_count * sizeof *found.files, 0);
    team_broadcast(team, found.warnings, found.warning_count * sizeof *found.warnings, 0);
    team_broadcast(team, found.texts, found.text_bytes, 0);
    archive_link(&found);
    *archive = found;
    found = (struct archive){0};
done:
    archive_clear(&found);
    return status;
}

enum status archive_find(const struct team *team, const struct archive_source *sources, size_t source_count,
                         struct archive *archive, struct error *err)
{
    return archive_find_again(team, sources, source_count, NULL, 0, archive, err);
}
