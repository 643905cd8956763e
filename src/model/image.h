/** A model as the flat arrays of its file; see model_variables.def. */
#ifndef MODEL_IMAGE_H
#define MODEL_IMAGE_H

#include "internal.h"

#include "store/store.h"

enum image_dimension {
#define D(name) IMAGE_##name,
#include "model_variables.def"
#undef D
    IMAGE_DIMENSIONS
};

enum image_variable {
#define X(name, ...) IMAGE_AT_##name,
#include "model_variables.def"
#undef X
    IMAGE_VARIABLES
};

struct image {
    size_t size[IMAGE_DIMENSIONS];
    struct store_column columns[IMAGE_VARIABLES];
    void *values[IMAGE_VARIABLES];  // what the members below point to
#define X(name, type, c_type, ...) c_type *name;
#include "model_variables.def"
#undef X
};

/** Returns the name of a dimension. Local. */
const char *image_dimension_name(enum image_dimension dimension);

/** Makes room for arrays of these sizes, all 0; end it with image_clear, also after a failure. Local. */
MUST_CHECK enum status image_make(const size_t size[IMAGE_DIMENSIONS], struct image *image,
                                  struct error *err);

/** Frees the arrays. Local. */
void image_clear(struct image *image);

/** Lays a model out as arrays; end it with image_clear, also after a failure. Local. */
MUST_CHECK enum status image_of_model(const struct model *model, struct image *image, struct error *err);

/**
 * Makes the model of an image after checking that all of it fits together. Local.
 *
 * @param path   for messages
 * @param model  with its settings, context and summary as read from the attributes; its arrays are filled.
 * Free it with model_free, also after a failure
 * @return       STATUS_CORRUPT with the variable
 */
MUST_CHECK enum status image_to_model(const struct image *image, const char *path, struct model *model,
                                      struct error *err);

#endif
