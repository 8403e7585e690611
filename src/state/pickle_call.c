/* What the known classes and functions of a pickle mean: dicts, sizes, storages and tensors. None
 * is run: a call is checked and its arguments become a value. */
#include <string.h>

#include "base/locale.h"
#include "state/pickle.h"

#define KEY_LIMIT 255 /* bytes; torch.save writes numbers */

static const jimm_pickle_global globals[] = {
#define NAMED(module_, name_, action_) {module_, name_, action_, JIMM_DTYPE_NONE, 0},
#define STORAGE_OF(name_, dtype_, size_)                          \
  {"torch", name_ "Storage", JIMM_GLOBAL_STORAGE, dtype_, size_}, \
      {"torch.cuda", name_ "Storage", JIMM_GLOBAL_STORAGE, dtype_, size_},
#define STORAGE(name_, dtype_) STORAGE_OF(name_, dtype_, 0)
#define FOREIGN(name_, size_) STORAGE_OF(name_, JIMM_DTYPE_NONE, size_)
#define DTYPE(name_, dtype_) {"torch", name_, JIMM_GLOBAL_DTYPE, dtype_, 0},
#define OPAQUE(module_, name_) {module_, name_, JIMM_GLOBAL_OPAQUE, JIMM_DTYPE_NONE, 0},
#include "state/pickle_globals.def"
#undef NAMED
#undef STORAGE_OF
#undef STORAGE
#undef FOREIGN
#undef DTYPE
#undef OPAQUE
};

/* ---- names ---- */

static bool is_name(const char *name, const char *text, size_t length) {
  return strlen(name) == length && memcmp(name, text, length) == 0;
}

/* Modules whose classes are whole networks. */
static bool is_network(const char *module, size_t length) {
  static const char *const prefixes[] = {"torch.nn.modules.", "timm.",   "torchvision.",
                                         "transformers.",     "models.", "__main__"};
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
    const size_t prefix = strlen(prefixes[i]);
    if (length >= prefix && memcmp(module, prefixes[i], prefix) == 0) {
      return true;
    }
  }
  return false;
}

jimm_status jimm_pickle_global_value(jimm_unpickler *reader, const char *module,
                                     size_t module_length, const char *name, size_t name_length,
                                     jimm_pickle **value) {
  for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
    if (is_name(globals[i].module, module, module_length) &&
        is_name(globals[i].name, name, name_length)) {
      jimm_status status;
      *value = jimm_pickle_make(reader, JIMM_PICKLE_GLOBAL, &status);
      if (*value != NULL) {
        (*value)->global = &globals[i];
      }
      return status;
    }
  }
  char full[JIMM_SHOW_TEXT / 2], shown[JIMM_SHOW_TEXT];
  const int length =
      jimm_snprintf(full, sizeof full, "%.*s.%.*s", module_length > 100 ? 100 : (int)module_length,
                    module, name_length > 100 ? 100 : (int)name_length, name);
  jimm_show(shown, sizeof shown, full,
            length < 0                   ? 0
            : length >= (int)sizeof full ? sizeof full - 1
                                         : (size_t)length);
  if (is_network(module, module_length)) {
    return jimm_pickle_fail(
        reader, JIMM_ERROR_UNSUPPORTED,
        "refuses %s: a whole model or an object of its program, expected a state_dict "
        "(torch.save(model.state_dict(), path)); nothing was run",
        shown);
  }
  return jimm_pickle_fail(reader, JIMM_ERROR_UNSUPPORTED,
                          "refuses %s, which no state_dict needs; nothing was run", shown);
}

/* ---- arguments ---- */

static jimm_status wrong(const jimm_unpickler *reader, const jimm_pickle_global *global,
                         const char *expected, const jimm_pickle *got) {
  char text[JIMM_SHOW_TEXT];
  return jimm_pickle_fail(reader, JIMM_ERROR_FORMAT, "%s.%s: expected %s, found %s", global->module,
                          global->name, expected, jimm_pickle_describe(got, text, sizeof text));
}

static jimm_status wrong_count(const jimm_unpickler *reader, const jimm_pickle_global *global,
                               size_t got) {
  return jimm_pickle_fail(reader, JIMM_ERROR_FORMAT, "%s.%s: %zu arguments do not fit it",
                          global->module, global->name, got);
}

static bool is_sequence(const jimm_pickle *value) {
  return value->type == JIMM_PICKLE_TUPLE || value->type == JIMM_PICKLE_LIST;
}

/* ---- dicts ---- */

/* OrderedDict() and Counter(), also of a dict or of pairs. */
static jimm_status make_dict(jimm_unpickler *reader, const jimm_pickle_global *global,
                             const jimm_pickle *arguments, jimm_pickle **value) {
  jimm_status status;
  jimm_pickle *dict = jimm_pickle_make(reader, JIMM_PICKLE_DICT, &status);
  if (dict == NULL) {
    return status;
  }
  dict->ordered = global->action == JIMM_GLOBAL_ORDERED_DICT;
  if (arguments->count > 1) {
    return wrong_count(reader, global, arguments->count);
  }
  const jimm_pickle *source = arguments->count == 1 ? arguments->items[0] : NULL;
  if (source != NULL && source->type != JIMM_PICKLE_DICT && !is_sequence(source)) {
    return wrong(reader, global, "a dict or a list of pairs", source);
  }
  for (size_t i = 0; source != NULL && i < source->count && status == JIMM_OK; i++) {
    jimm_pickle *item = source->items[i];
    if (source->type == JIMM_PICKLE_DICT) {
      status = jimm_pickle_append(reader, dict, item);
      continue;
    }
    if (!is_sequence(item) || item->count != 2) {
      return wrong(reader, global, "pairs", item);
    }
    status = jimm_pickle_append(reader, dict, item->items[0]);
    if (status == JIMM_OK) {
      status = jimm_pickle_append(reader, dict, item->items[1]);
    }
  }
  *value = dict;
  return status;
}

/* ---- storages ---- */

static jimm_status fail_id(const jimm_unpickler *reader, const char *what) {
  return jimm_pickle_fail(reader, JIMM_ERROR_FORMAT, "the name of a storage: %s", what);
}

/* (view_key, begin, length) or None, of the legacy format. */
static jimm_status read_view(const jimm_unpickler *reader, const jimm_pickle *view,
                             jimm_pickle_storage *storage) {
  if (view->type == JIMM_PICKLE_NONE) {
    return JIMM_OK;
  }
  if (view->type != JIMM_PICKLE_TUPLE || view->count != 3 ||
      view->items[1]->type != JIMM_PICKLE_INTEGER || view->items[2]->type != JIMM_PICKLE_INTEGER) {
    return fail_id(reader, "expected None or a view (key, begin, length)");
  }
  const int64_t begin = view->items[1]->integer, length = view->items[2]->integer;
  if (begin < 0 || length < 0 || begin > storage->count || length > storage->count - begin) {
    return jimm_pickle_fail(reader, JIMM_ERROR_FORMAT,
                            "a view of %lld elements from %lld on, in a storage of %lld",
                            (long long)length, (long long)begin, (long long)storage->count);
  }
  storage->has_view = true;
  storage->begin = begin;
  storage->length = length;
  return JIMM_OK;
}

jimm_status jimm_pickle_persistent(jimm_unpickler *reader, const jimm_pickle *id,
                                   jimm_pickle **value) {
  const size_t count = reader->legacy ? 6 : 5;
  if (id->type != JIMM_PICKLE_TUPLE || id->count == 0) {
    return fail_id(reader, "expected a tuple");
  }
  if (jimm_pickle_is_text(id->items[0], "module")) {
    return jimm_pickle_fail(reader, JIMM_ERROR_UNSUPPORTED,
                            "refuses a pickled torch.nn.Module: expected a state_dict "
                            "(torch.save(model.state_dict(), path)); nothing was run");
  }
  if (!jimm_pickle_is_text(id->items[0], "storage")) {
    return fail_id(reader, "expected \"storage\" as its first element");
  }
  if (id->count != count) {
    return fail_id(reader, reader->legacy ? "expected 6 elements" : "expected 5 elements");
  }
  const jimm_pickle *type = id->items[1], *key = id->items[2], *elements = id->items[4];
  if (type->type != JIMM_PICKLE_GLOBAL || (type->global->action != JIMM_GLOBAL_STORAGE &&
                                           type->global->action != JIMM_GLOBAL_UNTYPED_STORAGE)) {
    return fail_id(reader, "expected a class of torch's storages");
  }
  if (key->type != JIMM_PICKLE_TEXT || key->length > KEY_LIMIT ||
      memchr(key->text, 0, key->length) != NULL) {
    return fail_id(reader, "expected a short text without zero bytes as key");
  }
  if (elements->type != JIMM_PICKLE_INTEGER || elements->integer < 0) {
    return fail_id(reader, "expected an integer from 0 on as its number of elements");
  }
  jimm_status status;
  jimm_pickle *made = jimm_pickle_make(reader, JIMM_PICKLE_STORAGE, &status);
  if (made == NULL) {
    return status;
  }
  made->storage = jimm_pickle_alloc(reader, sizeof *made->storage, &status);
  if (made->storage == NULL) {
    return status;
  }
  *made->storage = (jimm_pickle_storage){.type = type->global,
                                         .key = key->text,
                                         .key_length = key->length,
                                         .count = elements->integer,
                                         .offset = reader->opcode_at};
  if (reader->legacy) {
    status = read_view(reader, id->items[5], made->storage);
  }
  *reader->last_storage = made->storage;
  reader->last_storage = &made->storage->next;
  *value = made;
  return status;
}

/* ---- tensors ---- */

/* Sizes or strides: integers from 0 on. Those beyond jimm's rank are counted, not kept. */
static jimm_status read_extents(const jimm_unpickler *reader, const jimm_pickle_global *global,
                                const jimm_pickle *list, int64_t *extents) {
  if (!is_sequence(list)) {
    return wrong(reader, global, "a tuple of sizes or strides", list);
  }
  for (size_t i = 0; i < list->count; i++) {
    const jimm_pickle *item = list->items[i];
    if (item->type != JIMM_PICKLE_INTEGER) {
      return wrong(reader, global, "integers as sizes and strides", item);
    }
    if (item->integer < 0) {
      return jimm_pickle_fail(reader, JIMM_ERROR_FORMAT,
                              "%s.%s: a size or stride of %lld, expected 0 or more", global->module,
                              global->name, (long long)item->integer);
    }
    if (i < JIMM_MAX_RANK) {
      extents[i] = item->integer;
    }
  }
  return JIMM_OK;
}

/* _rebuild_tensor(storage, offset, size, stride), _v2(..., requires_grad, hooks, metadata=None),
 * _v3(..., requires_grad, hooks, dtype, metadata=None). */
static jimm_status make_tensor(jimm_unpickler *reader, const jimm_pickle_global *global,
                               const jimm_pickle *arguments, jimm_pickle **value) {
  const size_t least = global->action == JIMM_GLOBAL_TENSOR      ? 4
                       : global->action == JIMM_GLOBAL_TENSOR_V2 ? 6
                                                                 : 7;
  const size_t most = least == 4 ? 4 : least + 1;
  if (arguments->count < least || arguments->count > most) {
    return wrong_count(reader, global, arguments->count);
  }
  jimm_pickle *const *items = arguments->items;
  if (items[0]->type != JIMM_PICKLE_STORAGE) {
    return wrong(reader, global, "a storage", items[0]);
  }
  if (items[1]->type != JIMM_PICKLE_INTEGER || items[1]->integer < 0) {
    return wrong(reader, global, "an offset from 0 on", items[1]);
  }
  if (least == 7 &&
      (items[6]->type != JIMM_PICKLE_GLOBAL || items[6]->global->action != JIMM_GLOBAL_DTYPE)) {
    return wrong(reader, global, "a torch.dtype", items[6]);
  }
  const jimm_pickle *metadata = arguments->count > least ? items[least] : NULL;
  jimm_status status;
  jimm_pickle *made = jimm_pickle_make(reader, JIMM_PICKLE_TENSOR, &status);
  if (made == NULL) {
    return status;
  }
  made->tensor = jimm_pickle_alloc(reader, sizeof *made->tensor, &status);
  if (made->tensor == NULL) {
    return status;
  }
  jimm_pickle_tensor *tensor = made->tensor;
  tensor->storage = items[0]->storage;
  tensor->type = least == 7 ? items[6]->global : tensor->storage->type;
  tensor->offset = items[1]->integer;
  tensor->has_metadata = metadata != NULL && metadata->type != JIMM_PICKLE_NONE &&
                         !(metadata->type == JIMM_PICKLE_DICT && metadata->count == 0);
  status = read_extents(reader, global, items[2], tensor->size);
  if (status == JIMM_OK) {
    status = read_extents(reader, global, items[3], tensor->stride);
  }
  if (status == JIMM_OK && items[2]->count != items[3]->count) {
    status = jimm_pickle_fail(reader, JIMM_ERROR_FORMAT, "%s.%s: %zu sizes, but %zu strides",
                              global->module, global->name, items[2]->count, items[3]->count);
  }
  tensor->rank = (int64_t)items[2]->count;
  *value = made;
  return status;
}

/* Parameter(tensor, ...), _rebuild_parameter(tensor, requires_grad, hooks) and
 * _rebuild_parameter_with_state: the tensor. */
static jimm_status unwrap_parameter(const jimm_unpickler *reader, const jimm_pickle_global *global,
                                    const jimm_pickle *arguments, jimm_pickle **value) {
  if (arguments->count < 1 || arguments->count > 4) {
    return wrong_count(reader, global, arguments->count);
  }
  if (arguments->items[0]->type != JIMM_PICKLE_TENSOR) {
    return wrong(reader, global, "a tensor", arguments->items[0]);
  }
  *value = arguments->items[0];
  return JIMM_OK;
}

/* _rebuild_from_type_v2(function, type, arguments, state): a tensor with attributes. */
static jimm_status make_of_type(jimm_unpickler *reader, const jimm_pickle_global *global,
                                const jimm_pickle *arguments, jimm_pickle **value) {
  if (arguments->count != 4) {
    return wrong_count(reader, global, arguments->count);
  }
  const jimm_pickle *function = arguments->items[0], *inner = arguments->items[2];
  const jimm_global_action action =
      function->type == JIMM_PICKLE_GLOBAL ? function->global->action : JIMM_GLOBAL_OPAQUE;
  if (inner->type != JIMM_PICKLE_TUPLE) {
    return wrong(reader, global, "a tuple of arguments", inner);
  }
  switch (action) {
    case JIMM_GLOBAL_TENSOR:
    case JIMM_GLOBAL_TENSOR_V2:
    case JIMM_GLOBAL_TENSOR_V3:
      return make_tensor(reader, function->global, inner, value);
    case JIMM_GLOBAL_REBUILD_PARAMETER:
      return unwrap_parameter(reader, function->global, inner, value);
    default:
      return wrong(reader, global, "a function that rebuilds a tensor", function);
  }
}

/* ---- calls ---- */

static jimm_status make_object(jimm_unpickler *reader, const jimm_pickle_global *global,
                               jimm_pickle **value) {
  jimm_status status;
  *value = jimm_pickle_make(reader, JIMM_PICKLE_OBJECT, &status);
  if (*value != NULL) {
    (*value)->global = global;
  }
  return status;
}

jimm_status jimm_pickle_call(jimm_unpickler *reader, const jimm_pickle *callable,
                             const jimm_pickle *arguments, bool creates, jimm_pickle **value) {
  char text[JIMM_SHOW_TEXT];
  if (callable->type != JIMM_PICKLE_GLOBAL) {
    return jimm_pickle_fail(reader, JIMM_ERROR_FORMAT, "expected a class or a function, found %s",
                            jimm_pickle_describe(callable, text, sizeof text));
  }
  const jimm_pickle_global *global = callable->global;
  if (arguments->type != JIMM_PICKLE_TUPLE) {
    return wrong(reader, global, "a tuple of arguments", arguments);
  }
  switch (global->action) {
    case JIMM_GLOBAL_ORDERED_DICT:
    case JIMM_GLOBAL_DICT:
      return make_dict(reader, global, arguments, value);
    case JIMM_GLOBAL_SIZE:
      if (arguments->count != 1 || !is_sequence(arguments->items[0])) {
        return wrong_count(reader, global, arguments->count);
      }
      *value = arguments->items[0];
      return JIMM_OK;
    case JIMM_GLOBAL_PARAMETER:
      return unwrap_parameter(reader, global, arguments, value);
    case JIMM_GLOBAL_NAMESPACE:
    case JIMM_GLOBAL_OPAQUE:
      return make_object(reader, global, value);
    default:
      break;
  }
  if (creates) {
    return jimm_pickle_fail(reader, JIMM_ERROR_FORMAT, "%s.%s is no class that can be made so",
                            global->module, global->name);
  }
  switch (global->action) {
    case JIMM_GLOBAL_TENSOR:
    case JIMM_GLOBAL_TENSOR_V2:
    case JIMM_GLOBAL_TENSOR_V3:
      return make_tensor(reader, global, arguments, value);
    case JIMM_GLOBAL_REBUILD_PARAMETER:
      return unwrap_parameter(reader, global, arguments, value);
    case JIMM_GLOBAL_REBUILD_TYPE:
      return make_of_type(reader, global, arguments, value);
    default:
      return jimm_pickle_fail(reader, JIMM_ERROR_FORMAT, "%s.%s cannot be called", global->module,
                              global->name);
  }
}

/* Attributes of an OrderedDict ("_metadata") and of a Namespace, which are left aside. */
jimm_status jimm_pickle_build(const jimm_unpickler *reader, const jimm_pickle *object,
                              const jimm_pickle *state) {
  char text[JIMM_SHOW_TEXT];
  const bool takes =
      (object->type == JIMM_PICKLE_DICT && object->ordered) ||
      (object->type == JIMM_PICKLE_OBJECT && object->global->action == JIMM_GLOBAL_NAMESPACE);
  if (!takes) {
    return jimm_pickle_fail(reader, JIMM_ERROR_UNSUPPORTED,
                            "refuses to set the state of %s: expected an OrderedDict or an "
                            "argparse.Namespace",
                            jimm_pickle_describe(object, text, sizeof text));
  }
  if (state->type != JIMM_PICKLE_DICT) {
    return jimm_pickle_fail(reader, JIMM_ERROR_FORMAT, "expected a dict of attributes, found %s",
                            jimm_pickle_describe(state, text, sizeof text));
  }
  return JIMM_OK;
}
