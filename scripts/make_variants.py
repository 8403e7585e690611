#!/usr/bin/env python3
"""Writes the variant tables of src/model from the installed timm.

    python3 scripts/make_variants.py           rewrite src/model/FAMILY_variants.def
    python3 scripts/make_variants.py --check   exit 1 when a table differs from timm's

A table holds every architecture that the C family implements: its numbers, timm's parameter count and
every default_cfg (the default tag first), and the deprecated names. What a family implements is what
its function in FAMILIES below can express: it turns the keyword arguments of timm's entry point into
the fields of the C config struct, and raises Unsupported for an argument that the C file does not
know yet. To add architectures, teach the C file the field, then teach the function here.
"""
import argparse
import importlib
import pathlib
import sys

import timm
import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Unsupported(Exception):
    """An architecture that the C family does not implement (yet)."""


# ---- families: keyword arguments of timm -> fields of the C config struct ----


def four(values):
    """A C initialiser of four values."""
    values = list(values)
    if len(values) != 4:
        raise Unsupported(f'{len(values)} stages')
    return f'ALL({values[0]})' if len(set(values)) == 1 else '{' + ', '.join(map(str, values)) + '}'


def resnet_config(kwargs):
    kwargs = dict(kwargs)
    blocks = {'BasicBlock': 'BASIC', 'Bottleneck': 'BOTTLENECK'}
    stems = {'': 'STEM_7X7', 'deep': 'STEM_DEEP', 'deep_tiered': 'STEM_DEEP_TIERED'}
    norms = {None: 'BATCH_NORM', 'batchnorm2d': 'BATCH_NORM', 'groupnorm': 'GROUP_NORM'}
    block = kwargs.pop('block')
    block = block if isinstance(block, (tuple, list)) else [block] * 4
    norm = kwargs.pop('norm_layer', None)
    if norm not in norms:
        raise Unsupported(f'norm_layer {norm}')
    fields = {
        'block': four(blocks[b.__name__] for b in block),
        'layers': four(kwargs.pop('layers')),
        'channels': four(kwargs.pop('channels', (64, 128, 256, 512))),
        'stem': stems[kwargs.pop('stem_type', '')],
        'stem_width': kwargs.pop('stem_width', 64),
        'avg_down': 'true' if kwargs.pop('avg_down', False) else 'false',
        'norm': norms[norm],
    }
    if kwargs:
        raise Unsupported(', '.join(sorted(kwargs)))
    return fields


FAMILIES = {'resnet': resnet_config}

# ---- timm -> rows ----


def entry_kwargs(module, arch):
    """The keyword arguments with which timm's entry point calls the model class."""
    captured = {}

    def capture(_cls, _variant, _pretrained, **kwargs):
        captured.update(kwargs)
        raise StopIteration

    original = module.build_model_with_cfg
    module.build_model_with_cfg = capture
    try:
        getattr(module, arch)()
    except StopIteration:
        pass
    finally:
        module.build_model_with_cfg = original
    return captured


def text(value):
    """A C string, or NULL."""
    if not value:
        return 'NULL'
    if isinstance(value, (tuple, list)):
        value = ', '.join(value)
    if not value.isascii() or any(c in value for c in '"\\\n'):
        raise ValueError(f'string needs escaping: {value!r}')
    return f'"{value}"'


def number(value):
    """The shortest decimal literal that reads back as the same double."""
    return repr(float(value))


def listing(values, convert=str):
    return '{' + ', '.join(convert(v) for v in values) + '}'


INTERPOLATION = {'bilinear': 'JIMM_BILINEAR', 'bicubic': 'JIMM_BICUBIC'}
CROP_MODE = {'center': 'JIMM_CROP_CENTER', 'squash': 'JIMM_CROP_SQUASH'}


def variant_row(arch, tag, cfg):
    for table, key in ((INTERPOLATION, 'interpolation'), (CROP_MODE, 'crop_mode')):
        if getattr(cfg, key) not in table:
            raise SystemExit(f'{arch}.{tag}: {key} {getattr(cfg, key)!r} is not one of {sorted(table)}')
    if len(cfg.mean) != 3 or len(cfg.std) != 3:
        raise SystemExit(f'{arch}.{tag}: mean {cfg.mean}, std {cfg.std}: expected 3 values')
    if cfg.label_offset:
        raise SystemExit(f'{arch}.{tag}: label_offset {cfg.label_offset}')
    data = ', '.join([*map(str, cfg.input_size), INTERPOLATION[cfg.interpolation],
                      CROP_MODE[cfg.crop_mode], number(cfg.crop_pct), listing(cfg.mean, number),
                      listing(cfg.std, number)])
    fields = [f'"{tag}"', f'.has_weights = {"true" if cfg.has_weights else "false"}',
              f'.num_classes = {cfg.num_classes}', f'.data = {{{data}}}']
    if cfg.test_input_size:
        fields.append(f'.test_input_size = {listing(cfg.test_input_size)}')
    if cfg.test_crop_pct:
        fields.append(f'.test_crop_pct = {number(cfg.test_crop_pct)}')
    for field, value in (('hub_id', cfg.hf_hub_id), ('url', cfg.url), ('license', cfg.license),
                         ('origin_url', cfg.origin_url), ('paper_ids', cfg.paper_ids)):
        if value:
            fields.append(f'.{field} = {text(value)}')
    return '  VARIANT(' + ',\n    '.join(fields) + ')'


def arch_row(arch, config):
    with torch.device('meta'):
        model = timm.create_model(arch)
    params = sum(p.numel() for p in model.parameters())
    fields = ', '.join(f'.{name} = {value}' for name, value in config.items())
    tags = timm.models._registry._model_default_cfgs[arch].tags
    rows = []
    for tag in tags:
        name = f'{arch}.{tag}' if tag else arch
        rows.append(variant_row(arch, tag, timm.models.get_pretrained_cfg(name)))
    return (f'ARCH("{arch}", {params}, {model.num_features},\n  CONFIG({fields}),\n'
            + ',\n'.join(rows) + ')\n')


def table(family, make_config):
    module = importlib.import_module(f'timm.models.{family}')
    out = [f'/* Made by scripts/make_variants.py from timm {timm.__version__}; do not edit.\n'
           ' *\n'
           ' * ARCH(name, params, num_features, CONFIG(fields), VARIANT(tag, fields), ...): the default tag\n'
           ' * first. ALIAS(deprecated name, the model it stands for). */\n']
    skipped, known = {}, set()
    for arch in timm.list_models(module=family):
        try:
            config = make_config(entry_kwargs(module, arch))
        except Unsupported as reason:
            skipped[arch] = str(reason)
            continue
        known.add(arch)
        out.append(arch_row(arch, config))
    deprecated = timm.models._registry.get_deprecated_models(family)
    aliases = [f'ALIAS("{name}", "{target}")\n' for name, target in deprecated.items()
               if target and target.split('.')[0] in known]
    out.append(''.join(aliases))
    print(f'{family}: {len(known)} architectures, {len(aliases)} aliases; not implemented: '
          f'{len(skipped)}', file=sys.stderr)
    for arch, reason in skipped.items():
        print(f'  {arch}: {reason}', file=sys.stderr)
    return '\n'.join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--check', action='store_true', help='compare instead of writing')
    arguments = parser.parse_args()
    status = 0
    for family, make_config in FAMILIES.items():
        path = ROOT / 'src' / 'model' / f'{family}_variants.def'
        content = table(family, make_config)
        if not arguments.check:
            path.write_text(content)
        elif not path.exists() or path.read_text() != content:
            print(f'{path}: differs from timm {timm.__version__}', file=sys.stderr)
            status = 1
    return status


if __name__ == '__main__':
    sys.exit(main())
