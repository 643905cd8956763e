/* From a path, folder or glob to files.
 *
 * A pattern is a list of components. walk_expand goes through them; `**` and folders go down through all
 * folders below. A folder that is its own ancestor is a loop and is told; one that was passed on another way,
 * through a link, is left out in silence: its files are known. */
#include "internal.h"

#include "base/map.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct walk {
    struct finding *finding;
    size_t source;
    const char *pattern;
    char **components;  // [component_count]
    size_t component_count;
    struct map passed;  // of struct passed_folder
    bool matched;  // something was there
};

/* A folder, and how much of the pattern was still to come there. */
struct passed_folder {
    uint64_t device;
    uint64_t inode;
    uint64_t level;
};

/* The way down to a folder. */
struct ancestor {
    const struct ancestor *up;
    dev_t device;
    ino_t inode;
};

/* Names in a folder, in order of their bytes. */
struct listing {
    struct dirent **entries;
    int count;
};

static int entry_compare(const struct dirent **one, const struct dirent **other)
{
    return strcmp((*one)->d_name, (*other)->d_name);
}

static void listing_clear(struct listing *listing)
{
    for (int i = 0; i < listing->count; i++)
        free(listing->entries[i]);
    free(listing->entries);
    *listing = (struct listing){0};
}

static enum status walk_warn(struct walk *walk, const char *path, const char *what, int number, bool is_file,
                             struct error *err)
{
    char text[128];
    (void)snprintf(text, sizeof text, "%s: %s", what, strerror(number));
    return finding_warn(walk->finding, path, text, is_file, err);
}

static enum status listing_read(struct walk *walk, const char *path, struct listing *listing,
                                struct error *err)
{
    *listing = (struct listing){0};
    int count = scandir(path[0] ? path : ".", &listing->entries, NULL, entry_compare);
    if (count >= 0) {
        listing->count = count;
        return STATUS_OK;
    }
    *listing = (struct listing){0};
    if (errno == ENOMEM)
        return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room for the names in a folder");
    return walk_warn(walk, path[0] ? path : ".", "cannot be listed", errno, false, err);
}

static enum status no_room(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "memory", "", "no room for a path");
}

/* Returns new, or NULL without memory. */
static char *path_join(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    size_t room = length + strlen(name) + 2;
    const char *between = length == 0 || folder[length - 1] == '/' ? "" : "/";
    char *path = malloc(room);
    if (path)
        (void)snprintf(path, room, "%s%s%s", folder, between, name);
    return path;
}

/* Whether a name in a folder is none of ours to read: hidden, or a file that quern is writing. */
static bool is_passed_over(const char *name)
{
    size_t length = strlen(name);
    return name[0] == '.' || (length >= 5 && strcmp(name + length - 5, ".part") == 0);
}

static bool has_magic(const char *component)
{
    return strpbrk(component, "*?[") != NULL;
}

static bool is_any_depth(const char *component)
{
    return strcmp(component, "**") == 0;
}

static const char *kind_text(mode_t mode)
{
    if (S_ISFIFO(mode))
        return "is a FIFO, not a file";
    if (S_ISSOCK(mode))
        return "is a socket, not a file";
    return "is a device, not a file";
}

static enum status walk_down(struct walk *walk, const char *path, size_t level, const struct ancestor *up,
                             struct error *err);

/* Takes what a pattern or a folder names: a file, or all files of a folder. */
static enum status walk_take(struct walk *walk, const char *path, const struct ancestor *up,
                             struct error *err)
{
    path = path[0] ? path : ".";
    struct stat stat_now;
    if (stat(path, &stat_now) != 0) {
        if (errno == ELOOP)
            return finding_warn(walk->finding, path, "is a loop of links", true, err);
        if (errno == ENOENT)
            return finding_warn(walk->finding, path, "is a link to nothing", true, err);
        return walk_warn(walk, path, "cannot be read", errno, true, err);
    }
    if (S_ISREG(stat_now.st_mode))
        return finding_add(walk->finding, walk->source, path, &stat_now, err);
    if (!S_ISDIR(stat_now.st_mode))
        return finding_warn(walk->finding, path, kind_text(stat_now.st_mode), true, err);
    size_t before = finding_usable(walk->finding);
    enum status status = walk_down(walk, path, walk->component_count, up, err);
    if (status == STATUS_OK && !up && finding_usable(walk->finding) == before)
        status = finding_warn(walk->finding, path, "is a folder without logs", false, err);
    return status;
}

static enum status walk_expand(struct walk *walk, const char *path, size_t level, struct error *err);

static enum status walk_down_entries(struct walk *walk, const char *path, size_t level,
                                     const struct ancestor *here, struct error *err)
{
    enum status status = STATUS_OK;
    struct listing listing = {0};
    char *child = NULL;
    TRY(listing_read(walk, path, &listing, err));
    for (int i = 0; i < listing.count; i++) {
        if (is_passed_over(listing.entries[i]->d_name))
            continue;
        free(child);
        child = path_join(path, listing.entries[i]->d_name);
        if (!child) {
            status = no_room(err);
            goto done;
        }
        struct stat stat_now;
        if (level == walk->component_count)
            TRY(walk_take(walk, child, here, err));
        else if (stat(child, &stat_now) == 0 && S_ISDIR(stat_now.st_mode))
            TRY(walk_down(walk, child, level, here, err));
    }
done:
    free(child);
    listing_clear(&listing);
    return status;
}

/* Goes through a folder and all below it: their files when the pattern is used up at `level`, else what the
 * rest of the pattern names in each. */
static enum status walk_down(struct walk *walk, const char *path, size_t level, const struct ancestor *up,
                             struct error *err)
{
    enum status status = STATUS_OK;
    struct stat stat_now;
    if (stat(path[0] ? path : ".", &stat_now) != 0 || !S_ISDIR(stat_now.st_mode))
        return STATUS_OK;
    for (const struct ancestor *above = up; above; above = above->up)
        if (above->device == stat_now.st_dev && above->inode == stat_now.st_ino)
            return finding_warn(walk->finding, path, "is a loop of links", false, err);
    struct passed_folder key = {(uint64_t)stat_now.st_dev, (uint64_t)stat_now.st_ino, level};
    void *entry;
    bool fresh;
    TRY(map_put(&walk->passed, &key, &entry, &fresh, err));
    if (!fresh)
        goto done;
    if (level < walk->component_count)
        TRY(walk_expand(walk, path, level, err));
    struct ancestor here = {up, stat_now.st_dev, stat_now.st_ino};
    TRY(walk_down_entries(walk, path, level, &here, err));
done:
    return status;
}

static bool is_folder(const char *path)
{
    struct stat stat_now;
    return stat(path, &stat_now) == 0 && S_ISDIR(stat_now.st_mode);
}

static enum status walk_match(struct walk *walk, const char *path, size_t level, struct error *err)
{
    enum status status = STATUS_OK;
    struct listing listing = {0};
    char *child = NULL;
    TRY(listing_read(walk, path, &listing, err));
    for (int i = 0; i < listing.count; i++) {
        const char *name = listing.entries[i]->d_name;
        // A glob that itself begins with a dot may name hidden files, but never the folder or the one above.
        bool is_dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        if (is_dots || (name[0] != '.' && is_passed_over(name)) ||
            fnmatch(walk->components[level], name, FNM_PERIOD) != 0)
            continue;
        free(child);
        child = path_join(path, name);
        if (!child) {
            status = no_room(err);
            goto done;
        }
        if (level + 1 == walk->component_count || is_folder(child))
            TRY(walk_expand(walk, child, level + 1, err));
    }
done:
    free(child);
    listing_clear(&listing);
    return status;
}

/* Finds what the components from `level` on name below `path`. */
static enum status walk_expand(struct walk *walk, const char *path, size_t level, struct error *err)
{
    if (level == walk->component_count) {
        walk->matched = true;
        return walk_take(walk, path, NULL, err);
    }
    const char *component = walk->components[level];
    if (is_any_depth(component))
        return walk_down(walk, path, level + 1, NULL, err);
    if (has_magic(component)) {
        if (!is_folder(path[0] ? path : "."))
            return STATUS_OK;
        return walk_match(walk, path, level, err);
    }
    enum status status = STATUS_OK;
    struct stat stat_now;
    char *child = path_join(path, component);
    if (!child)
        return no_room(err);
    if (lstat(child, &stat_now) == 0)
        status = walk_expand(walk, child, level + 1, err);
    free(child);
    return status;
}

/* Cuts text, which is changed, into components that point into it. A `**` that follows another, or ends the
 * pattern, adds nothing: a folder is taken with all below it. */
static void components_split(struct walk *walk, char *text)
{
    char *rest = NULL;
    size_t count = 0;
    for (char *part = strtok_r(text, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        if (is_any_depth(part) && count > 0 && is_any_depth(walk->components[count - 1]))
            continue;
        walk->components[count++] = part;
    }
    if (count > 0 && is_any_depth(walk->components[count - 1]))
        count--;
    walk->component_count = count;
}

static enum status walk_glob(struct walk *walk, struct error *err)
{
    enum status status = STATUS_OK;
    char *text = strdup(walk->pattern);
    walk->components = calloc(strlen(walk->pattern) + 1, sizeof *walk->components);
    if (!text || !walk->components) {
        status = no_room(err);
        goto done;
    }
    components_split(walk, text);
    const char *root = walk->pattern[0] == '/' ? "/" : "";
    if (walk->pattern[0])
        TRY(walk_expand(walk, root, 0, err));
    if (!walk->matched)
        TRY(finding_warn(walk->finding, walk->pattern, "matches nothing", false, err));
done:
    free(walk->components);
    free(text);
    return status;
}

enum status walk_pattern(struct finding *finding, size_t source, const char *pattern, struct error *err)
{
    struct walk walk = {.finding = finding, .source = source, .pattern = pattern};
    map_init(&walk.passed, sizeof(struct passed_folder), sizeof(struct passed_folder));
    struct stat stat_now;
    // A path that is there is meant as it stands, also when its name looks like a glob.
    enum status status;
    if (lstat(pattern, &stat_now) == 0)
        status = walk_take(&walk, pattern, NULL, err);
    else if (errno != ENOENT && errno != ENOTDIR)
        status = walk_warn(&walk, pattern, "cannot be reached", errno, false, err);
    else
        status = walk_glob(&walk, err);
    map_clear(&walk.passed);
    return status;
}
