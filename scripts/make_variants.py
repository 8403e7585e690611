#!/usr/bin/env python3
"""Writes the variant tables of src/family from the installed timm.

    python3 scripts/make_variants.py           rewrite src/family/FAMILY_variants.def
    python3 scripts/make_variants.py --check   exit 1 when a table differs from timm's
    --import FILE --out FOLDER                 the families of a module that is not timm's
                                               (docs/porting.md)

A table holds every architecture that the C family implements: its numbers, timm's parameter count and
every default_cfg (the default tag first), and the deprecated names. What a family implements is what
its function in FAMILIES below can express: it turns the keyword arguments of timm's entry point into
the fields of the C config struct, and raises Unsupported for an argument that the C file does not
know yet. To add architectures, teach the C file the field, then teach the function here.
"""
import argparse
import functools
import importlib
import pathlib
import pkgutil
import re
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


def pruned_widths(arch):
    """The outputs of a bottleneck's three convolutions, for each block, as timm's _pruned file says."""
    text = pkgutil.get_data('timm.models', f'_pruned/{arch}.txt').decode().strip()
    first = {key: int(shape.strip('[').split(',')[0].strip(']'))
             for key, shape in (item.split(':') for item in text.split('***'))
             if shape != '[]'}
    blocks = [key[:-len('.conv1.weight')] for key in first
              if key.startswith('layer') and key.endswith('.conv1.weight')]
    rows = [tuple(first[f'{block}.conv{i}.weight'] for i in (1, 2, 3)) for block in blocks]
    return 'WIDTHS(' + ', '.join(f'{{{a}, {b}, {c}}}' for a, b, c in rows) + ')'


def attention(layer):
    """(kind, ratio of squeeze-and-excitation) of timm's attn_layer: a name or a partial of a class."""
    ratio = 1 / 16
    if isinstance(layer, functools.partial):
        keywords = dict(layer.keywords)
        ratio = keywords.pop('rd_ratio', ratio)
        if layer.func is not timm.layers.SEModule or layer.args or keywords:
            raise Unsupported(f'attn_layer {layer}')
        layer = 'se'
    kinds = {None: 'ATTN_NONE', 'se': 'ATTN_SE', 'eca': 'ATTN_ECA'}
    if layer not in kinds:
        raise Unsupported(f'attn_layer {layer}')
    return kinds[layer], ratio


def resnet_config(arch, kwargs):
    kwargs = dict(kwargs)
    blocks = {'BasicBlock': 'BASIC', 'Bottleneck': 'BOTTLENECK'}
    stems = {'': 'STEM_7X7', 'deep': 'STEM_DEEP', 'deep_tiered': 'STEM_DEEP_TIERED'}
    norms = {None: 'BATCH_NORM', 'batchnorm2d': 'BATCH_NORM', 'groupnorm': 'GROUP_NORM'}
    anti_aliasing = {None: 'AA_NONE', torch.nn.AvgPool2d: 'AA_AVG', timm.layers.BlurPool2d: 'AA_BLUR'}
    flag = {True: 'true', False: 'false'}
    block = kwargs.pop('block')
    block = block if isinstance(block, (tuple, list)) else [block] * 4
    norm = kwargs.pop('norm_layer', None)
    if norm not in norms:
        raise Unsupported(f'norm_layer {norm}')
    aa = kwargs.pop('aa_layer', None)
    if aa not in anti_aliasing:
        raise Unsupported(f'aa_layer {aa}')
    replace_stem_pool = kwargs.pop('replace_stem_pool', False)
    if replace_stem_pool and aa is not None:
        raise Unsupported('replace_stem_pool with aa_layer')
    block_args = dict(kwargs.pop('block_args', None) or {})
    attn, ratio = attention(block_args.pop('attn_layer', None))
    if block_args:
        raise Unsupported('block_args ' + ', '.join(sorted(block_args)))
    fields = {
        'block': four(blocks[b.__name__] for b in block),
        'layers': four(kwargs.pop('layers')),
        'channels': four(kwargs.pop('channels', (64, 128, 256, 512))),
        'cardinality': kwargs.pop('cardinality', 1),
        'base_width': kwargs.pop('base_width', 64),
        'reduce_first': kwargs.pop('block_reduce_first', 1),
        'stem': stems[kwargs.pop('stem_type', '')],
        'stem_width': kwargs.pop('stem_width', 64),
        'replace_stem_pool': flag[replace_stem_pool],
        'avg_down': flag[kwargs.pop('avg_down', False)],
        'down_kernel': kwargs.pop('down_kernel_size', 1),
        'norm': norms[norm],
        'aa': anti_aliasing[aa],
        'attn': attn,
    }
    if attn == 'ATTN_SE':
        fields['se_ratio'] = number(ratio)
    if kwargs.pop('pruned', False):
        if set(block) != {timm.models.resnet.Bottleneck}:
            raise Unsupported('a pruned network of other blocks than bottlenecks')
        fields['pruned'] = pruned_widths(arch)
    if kwargs:
        raise Unsupported(', '.join(sorted(kwargs)))
    return fields


def resnetv2_config(arch, kwargs):
    kwargs = dict(kwargs)
    stems = {'': 'STEM_7X7', 'fixed': 'STEM_FIXED', 'deep': 'STEM_DEEP', 'tiered': 'STEM_TIERED'}
    norms = {timm.layers.BatchNormAct2d: 'BATCH_NORM', timm.layers.GroupNormAct: 'GROUP_NORM',
             timm.layers.EvoNorm2dS0: 'EVO_NORM',
             timm.layers.FilterResponseNormTlu2d: 'FILTER_RESPONSE_NORM'}
    flag = {True: 'true', False: 'false'}
    conv = kwargs.pop('conv_layer', functools.partial(timm.layers.StdConv2d, eps=1e-6))
    norm = kwargs.pop('norm_layer', timm.layers.GroupNormAct)
    std_eps = 0.0
    if isinstance(conv, functools.partial) and conv.func is timm.layers.StdConv2d:
        std_eps = conv.keywords['eps']
    elif conv is not timm.layers.create_conv2d:
        raise Unsupported(f'conv_layer {conv}')
    if norm not in norms:
        raise Unsupported(f'norm_layer {norm}')
    stem = kwargs.pop('stem_type', '')
    if stem not in stems:
        raise Unsupported(f'stem_type {stem}')
    fields = {
        'layers': four(kwargs.pop('layers')),
        'channels': four(kwargs.pop('channels', (256, 512, 1024, 2048))),
        'width_factor': kwargs.pop('width_factor', 1),
        'bottle_ratio': number(kwargs.pop('bottle_ratio', 0.25)),
        'basic': flag[kwargs.pop('basic', False)],
        'stem': stems[stem],
        'avg_down': flag[kwargs.pop('avg_down', False)],
        'norm': norms[norm],
        'std_eps': number(std_eps),
    }
    if kwargs.pop('feature_cfg') != {'flatten_sequential': True}:
        raise Unsupported('feature_cfg')
    if kwargs:
        raise Unsupported(', '.join(sorted(kwargs)))
    return fields


def convnext_config(arch, kwargs):
    kwargs = dict(kwargs)
    stems = {'patch': 'PATCH', 'overlap': 'OVERLAP', 'overlap_tiered': 'OVERLAP_TIERED',
             'overlap_act': 'OVERLAP_ACT'}
    norms = {'layernorm': 'LAYER', 'layernorm2d': 'LAYER', 'rmsnorm': 'RMS', 'rmsnorm2d': 'RMS',
             'simplenorm': 'SIMPLE', 'simplenorm2d': 'SIMPLE'}
    acts = {'gelu': 'GELU', 'gelu_tanh': 'GELU_TANH', 'silu': 'SILU'}
    flag = {True: 'true', False: 'false'}
    kernels = kwargs.pop('kernel_sizes', 7)
    norm = kwargs.pop('norm_layer', None) or 'layernorm'
    act = kwargs.pop('act_layer', 'gelu')
    if norm not in norms or act not in acts:
        raise Unsupported(f'norm_layer {norm}, act_layer {act}')
    eps = kwargs.pop('norm_eps', None)
    fields = {
        'depths': four(kwargs.pop('depths')),
        'dims': four(kwargs.pop('dims')),
        'kernel_sizes': four(kernels if isinstance(kernels, tuple) else [kernels] * 4),
        'stem': stems[kwargs.pop('stem_type', 'patch')],
        'conv_mlp': flag[kwargs.pop('conv_mlp', False)],
        'use_grn': flag[kwargs.pop('use_grn', False)],
        'layer_scale': flag[kwargs.pop('ls_init_value', 1e-6) is not None],
        'act': 'JIMM_ACT_' + acts[act],
        'norm': 'JIMM_CHANNEL_NORM_' + norms[norm],
        'norm_eps': number(1e-6 if eps is None else eps),
        'head_norm_first': flag[kwargs.pop('head_norm_first', False)],
        'head_hidden': kwargs.pop('head_hidden_size', 0) or 0,
    }
    kwargs.pop('pretrained_filter_fn')
    if kwargs.pop('feature_cfg') != {'out_indices': (0, 1, 2, 3), 'flatten_sequential': True}:
        raise Unsupported('feature_cfg')
    if kwargs:
        raise Unsupported(', '.join(sorted(kwargs)))
    return fields


def is_bit(arch):
    return arch.endswith('_bit')


def is_v2(arch):
    return arch.startswith('convnextv2')


# Every row of src/family/families.def. Family of jimm: (module of timm, which of its architectures, their configuration)
FAMILIES = {
    'resnet': ('resnet', lambda _: True, resnet_config),
    'bit': ('resnetv2', is_bit, resnetv2_config),
    'resnetv2': ('resnetv2', lambda arch: not is_bit(arch), resnetv2_config),
    'convnext': ('convnext', lambda arch: not is_v2(arch), convnext_config),
    'convnextv2': ('convnext', is_v2, convnext_config),
}

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
    if cfg.fixed_input_size:
        fields.append('.fixed_input_size = true')
    if cfg.pool_size:
        fields.append(f'.pool_size = {listing(cfg.pool_size)}')
    if cfg.custom_load:
        fields.append('.custom_load = true')
    for field, value in (('hub_id', cfg.hf_hub_id), ('url', cfg.url), ('license', cfg.license),
                         ('origin_url', cfg.origin_url), ('paper_ids', cfg.paper_ids),
                         ('paper_name', cfg.paper_name)):
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


def table(family, package, module_name, belongs, make_config):
    module = importlib.import_module(package + module_name)
    out = [f'/* Made by scripts/make_variants.py from timm {timm.__version__}; do not edit.\n'
           ' *\n'
           ' * ARCH(name, params, num_features, CONFIG(fields), VARIANT(tag, fields), ...): the default tag\n'
           ' * first. ALIAS(deprecated name, the model it stands for). */\n']
    skipped, known = {}, set()
    for arch in filter(belongs, timm.list_models(module=module_name)):
        try:
            config = make_config(arch, entry_kwargs(module, arch))
        except Unsupported as reason:
            skipped[arch] = str(reason)
            continue
        known.add(arch)
        out.append(arch_row(arch, config))
    deprecated = timm.models._registry.get_deprecated_models(module_name)
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
    parser.add_argument('--import', dest='module', metavar='FILE', type=pathlib.Path,
                        help='Python file with families of its own')
    parser.add_argument('--out', default=ROOT / 'src' / 'family', metavar='FOLDER', type=pathlib.Path)
    arguments = parser.parse_args()
    status = 0
    families, package = FAMILIES, 'timm.models.'
    if arguments.module:
        sys.path.insert(0, str(arguments.module.resolve().parent))
        families, package = importlib.import_module(arguments.module.stem).FAMILIES, ''
    else:
        rows = re.findall(r'^FAMILY\((\w+),', (ROOT / 'src/family/families.def').read_text(), re.M)
        if rows != list(families):
            raise SystemExit(f'FAMILIES here are {list(families)}, families.def has {rows}')
    for family, source in families.items():
        path = arguments.out / f'{family}_variants.def'
        content = table(family, package, *source)
        if not arguments.check:
            path.write_text(content)
        elif not path.exists() or path.read_text() != content:
            print(f'{path}: differs from timm {timm.__version__}', file=sys.stderr)
            status = 1
    return status


if __name__ == '__main__':
    sys.exit(main())
