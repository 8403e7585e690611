/* What jimm_model_open needs of a source beyond jimm/source.h. */
#ifndef JIMM_HUB_SOURCE_H
#define JIMM_HUB_SOURCE_H

#include <jimm/source.h>

/* Hands the folder over, or NULL when there is none; the variant goes with it, so that the source
 * is of no more use but to be closed. */
jimm_folder *jimm_source_take_folder(jimm_source *source);

#endif
