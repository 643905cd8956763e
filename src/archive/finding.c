/* What has been found so far, on rank 0: files, each once, and warnings. */
#include "internal.h"

#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file by what it is, not by how it was reached: links and overlapping patterns lead to the same one. */
struct known_file {
    uint64_t device;
    uint64_t inode;
    uint64_t usable;  // 1 or 0
};

/* What was remembered of a file, by what it is. */
struct remembered {
    uint64_t device;
    uint64_t inode;
    uint64_t memory;
};

struct finding {
    const struct archive_memory *memory;
    struct map remembered;  // of struct remembered, by device and inode
    struct map known;  // of struct known_file, by device and inode
    struct archive_file *files;
    size_t file_count;
    size_t file_room;
    struct archive_warning *warnings;
    size_t warning_count;
    size_t warning_room;
    size_t usable_count;
};

struct finding *finding_new(const struct archive_memory *memory, size_t memory_count)
{
    struct finding *finding = calloc(1, sizeof *finding);
    if (!finding)
        return NULL;
    finding->memory = memory;
    map_init(&finding->known, sizeof(struct known_file), offsetof(struct known_file, usable));
    map_init(&finding->remembered, sizeof(struct remembered), offsetof(struct remembered, memory));
    for (size_t i = 0; i < memory_count; i++) {
        struct remembered key = {memory[i].device, memory[i].inode, i};
        void *entry = NULL;
        if (map_put(&finding->remembered, &key, &entry, NULL, NULL) != STATUS_OK) {
            finding_free(finding);
            return NULL;
        }
        ((struct remembered *)entry)->memory = i;
    }
    return finding;
}

void finding_free(struct finding *finding)
{
    if (!finding)
        return;
    for (size_t i = 0; i < finding->file_count; i++)
        free(finding->files[i].path);
    for (size_t i = 0; i < finding->warning_count; i++) {
        free(finding->warnings[i].path);
        free(finding->warnings[i].text);
    }
    map_clear(&finding->known);
    map_clear(&finding->remembered);
    free(finding->files);
    free(finding->warnings);
    free(finding);
}

static enum status text_copy(const char *text, char **copy, struct error *err)
{
    *copy = strdup(text);
    return *copy ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "memory", "", "no room for a path");
}

enum status finding_warn(struct finding *finding, const char *path, const char *text, bool is_file,
                         struct error *err)
{
    enum status status = STATUS_OK;
    struct archive_warning warning = {.is_file = is_file};
    TRY(array_reserve(&finding->warnings, &finding->warning_room, finding->warning_count + 1, sizeof warning,
                      err));
    TRY(text_copy(path, &warning.path, err));
    TRY(text_copy(text, &warning.text, err));
    finding->warnings[finding->warning_count++] = warning;
    warning = (struct archive_warning){0};
done:
    free(warning.path);
    free(warning.text);
    return status;
}

static enum status finding_keep(struct finding *finding, struct archive_file *file, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&finding->files, &finding->file_room, finding->file_count + 1, sizeof *file, err));
    const char *path = file->path;
    TRY(text_copy(path, &file->path, err));
    finding->files[finding->file_count++] = *file;
done:
    return status;
}

/* Takes over what is remembered of a file that has not changed since. */
static bool is_remembered(const struct finding *finding, struct archive_file *file)
{
    const struct remembered key = {.device = file->device, .inode = file->inode};
    const struct remembered *entry = map_get(&finding->remembered, &key);
    const struct archive_memory *memory = entry ? &finding->memory[entry->memory] : NULL;
    if (!memory || memory->bytes != file->bytes || memory->mtime_ms != file->mtime_ms ||
        (memory->compression != COMPRESSION_PLAIN && !codec_of(memory->compression)))
        return false;
    file->remembered = (int64_t)entry->memory;
    file->compression = memory->compression;
    file->text = memory->text;
    return true;
}

enum status finding_add(struct finding *finding, size_t source, const char *path, const struct stat *stat,
                        struct error *err)
{
    enum status status = STATUS_OK;
    struct known_file key = {.device = (uint64_t)stat->st_dev, .inode = (uint64_t)stat->st_ino};
    void *entry;
    bool fresh;
    TRY(map_put(&finding->known, &key, &entry, &fresh, err));
    struct known_file *known = entry;
    if (fresh) {
        char why[WHY_BYTES];
        struct archive_file file;
        memset(&file, 0, sizeof file);
        file.path = (char *)path;  // borrowed till finding_keep
        file.source = source;
        file.bytes = (int64_t)stat->st_size;
        file.mtime_ms = (int64_t)stat->st_mtim.tv_sec * 1000 + stat->st_mtim.tv_nsec / 1000000;
        file.device = key.device;
        file.inode = key.inode;
        file.remembered = -1;
        why[0] = '\0';
        if (!is_remembered(finding, &file))
            TRY(file_probe(&file, why, err));
        known->usable = why[0] == '\0';
        if (known->usable)
            TRY(finding_keep(finding, &file, err));
        else
            TRY(finding_warn(finding, path, why, true, err));
    }
    finding->usable_count += (size_t)known->usable;
done:
    return status;
}

size_t finding_usable(const struct finding *finding)
{
    return finding->usable_count;
}

static int file_compare(const void *a, const void *b)
{
    const struct archive_file *one = a, *other = b;
    if (one->source != other->source)
        return one->source < other->source ? -1 : 1;
    return strcmp(one->path, other->path);
}

static int warning_compare(const void *a, const void *b)
{
    const struct archive_warning *one = a, *other = b;
    int paths = strcmp(one->path, other->path);
    return paths ? paths : strcmp(one->text, other->text);
}

/* Sorts, and drops what was told twice: two patterns may meet the same FIFO. */
static void finding_sort(struct finding *finding)
{
    if (finding->file_count > 1)
        qsort(finding->files, finding->file_count, sizeof *finding->files, file_compare);
    if (finding->warning_count > 1)
        qsort(finding->warnings, finding->warning_count, sizeof *finding->warnings, warning_compare);
    size_t kept = 0;
    for (size_t i = 0; i < finding->warning_count; i++) {
        struct archive_warning warning = finding->warnings[i];
        if (kept > 0 && warning_compare(&finding->warnings[kept - 1], &warning) == 0) {
            free(warning.path);
            free(warning.text);
        } else {
            finding->warnings[kept++] = warning;
        }
    }
    finding->warning_count = kept;
}

static char *text_append(char *to, const char *text)
{
    size_t count = strlen(text) + 1;
    memcpy(to, text, count);
    return to + count;
}

enum status finding_finish(struct finding *finding, struct archive *archive, struct error *err)
{
    finding_sort(finding);
    size_t bytes = 0, unusable_count = 0;
    for (size_t i = 0; i < finding->file_count; i++)
        bytes += strlen(finding->files[i].path) + 1;
    for (size_t i = 0; i < finding->warning_count; i++) {
        bytes += strlen(finding->warnings[i].path) + strlen(finding->warnings[i].text) + 2;
        unusable_count += finding->warnings[i].is_file;
    }
    char *texts = malloc(bytes + 1);
    if (!texts)
        return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room for the paths of %zu files",
                         finding->file_count);
    char *at = texts;
    for (size_t i = 0; i < finding->file_count; i++)
        at = text_append(at, finding->files[i].path);
    for (size_t i = 0; i < finding->warning_count; i++)
        at = text_append(text_append(at, finding->warnings[i].path), finding->warnings[i].text);
    // The arrays move out; their own copies of the texts go.
    for (size_t i = 0; i < finding->file_count; i++)
        free(finding->files[i].path);
    for (size_t i = 0; i < finding->warning_count; i++) {
        free(finding->warnings[i].path);
        free(finding->warnings[i].text);
    }
    *archive = (struct archive){
        .files = finding->files,
        .file_count = finding->file_count,
        .warnings = finding->warnings,
        .warning_count = finding->warning_count,
        .unusable_count = unusable_count,
        .texts = texts,
        .text_bytes = bytes,
    };
    finding->files = NULL;
    finding->warnings = NULL;
    finding->file_count = finding->warning_count = 0;
    return STATUS_OK;
}
